/* TLS: the certificate and its key, and what is sent past libmicrohttpd.
 *
 * libmicrohttpd speaks TLS through GnuTLS and asks `tls_give_certificate` at each
 * handshake for a copy of the certificate; so another one can take its place at any
 * time: connections that are open keep theirs.  GnuTLS gives that callback nothing to
 * know its owner by, so there is one certificate in a process. */
#ifndef MLPD_SERVER_TLS_H
#define MLPD_SERVER_TLS_H

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <sys/uio.h>

#include "core/base/error.h"

/* TLS 1.2 and 1.3, with forward secrecy and authenticated ciphers only. */
#define TLS_PRIORITIES                                                                             \
    "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:-AES-128-CBC:-AES-256-CBC"                 \
    ":%SERVER_PRECEDENCE"

/* Main.  Read certificates (PEM, the server's first, then what links it to its root) and
 * the key (PEM, without a password), and give them to handshakes from now on.  Again
 * whenever they may have changed; what was there stays when that fails.  ERROR_INVALID
 * with a sentence. */
enum error_code tls_load(const char *certificate_path, const char *key_path, struct error *error);

/* Main, after the last handshake. */
void tls_unload(void);

/* A gnutls_certificate_retrieve_function3.  Any thread. */
int tls_give_certificate(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
                         gnutls_pcert_st **certificates, unsigned *count,
                         gnutls_ocsp_data_st **staples, unsigned *staple_count,
                         gnutls_privkey_t *key, unsigned *flags);

/* By the thread that owns the session: as much as goes without waiting. */
void tls_send(gnutls_session_t session, const struct iovec *parts, size_t count);

#endif
