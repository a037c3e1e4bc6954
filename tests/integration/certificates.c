/* Certificates for the tests; see certificates.h. */
#include "tests/integration/certificates.h"

#include <arpa/inet.h>
#include <check.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static void must(int result, const char *what) {
    ck_assert_msg(result >= 0, "cannot make a certificate: %s: %s", what, gnutls_strerror(result));
}

static void write_private(const char *path, const gnutls_datum_t *text) {
    FILE *file = fopen(path, "w");
    ck_assert_msg(file != NULL, "cannot write %s", path);
    fchmod(fileno(file), 0600);
    fwrite(text->data, 1, text->size, file);
    fclose(file);
}

static void describe(gnutls_x509_crt_t certificate, const char *name, time_t seconds) {
    const time_t now = time(NULL);
    const struct in_addr loopback = {htonl(INADDR_LOOPBACK)};
    unsigned char serial[8];
    gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof serial);
    serial[0] &= 0x7F;
    must(gnutls_x509_crt_set_version(certificate, 3), "version");
    must(gnutls_x509_crt_set_serial(certificate, serial, sizeof serial), "serial");
    must(gnutls_x509_crt_set_activation_time(certificate, now - 86400), "start");
    must(gnutls_x509_crt_set_expiration_time(certificate, now + seconds), "end");
    must(gnutls_x509_crt_set_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, name,
                                       (unsigned)strlen(name)),
         "name");
    must(gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_DNSNAME, "localhost", 9,
                                              GNUTLS_FSAN_SET),
         "localhost");
    must(gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_IPADDRESS, &loopback,
                                              sizeof loopback, GNUTLS_FSAN_APPEND),
         "127.0.0.1");
    must(gnutls_x509_crt_set_basic_constraints(certificate, 1, -1), "constraints");
}

void certificate_make(const char *certificate_path, const char *key_path, const char *name,
                      time_t seconds) {
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t certificate;
    gnutls_datum_t text;
    must(gnutls_x509_privkey_init(&key), "key");
    must(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                                      GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
         "key");
    must(gnutls_x509_crt_init(&certificate), "certificate");
    describe(certificate, name, seconds);
    must(gnutls_x509_crt_set_key(certificate, key), "its key");
    must(gnutls_x509_crt_sign2(certificate, certificate, key, GNUTLS_DIG_SHA256, 0), "signature");
    must(gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_PEM, &text), "PEM");
    write_private(certificate_path, &text);
    gnutls_free(text.data);
    must(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &text), "PEM of the key");
    write_private(key_path, &text);
    gnutls_free(text.data);
    gnutls_x509_crt_deinit(certificate);
    gnutls_x509_privkey_deinit(key);
}
