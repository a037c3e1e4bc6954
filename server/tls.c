/* TLS; see tls.h. */
#include "server/tls.h"

#include <string.h>
#include <time.h>

#include "core/base/memory.h"
#include "server/log.h"
#include "server/published.h"
#include "server/small_file.h"

#define FILE_BYTES_MAX ((size_t)1 << 20)
#define CHAIN_MAX 16
#define KEY_ID_BYTES 64

/* What one reading of the files gave.  Read only once it is published. */
struct identity {
    unsigned count;
    gnutls_x509_crt_t chain[CHAIN_MAX];
    gnutls_datum_t encoded[CHAIN_MAX]; /* the same as DER */
    gnutls_x509_privkey_t key;
};

/* NULL while nothing is loaded. */
static struct published current;

static void destroy_identity(struct identity *identity) {
    if (identity == NULL) {
        return;
    }
    for (unsigned i = 0; i < identity->count; i++) {
        gnutls_x509_crt_deinit(identity->chain[i]);
        gnutls_free(identity->encoded[i].data);
    }
    if (identity->key != NULL) {
        gnutls_x509_privkey_deinit(identity->key);
    }
    memory_free(identity);
}

/* ---- the files ---- */

static enum error_code fail(const char *what, const char *path, int result, struct error *error) {
    return error_set(error, ERROR_INVALID, NULL, "cannot use %s %.200s: %s", what, path,
                     gnutls_strerror(result));
}

static enum error_code load_chain(const char *path, struct identity *identity,
                                  struct error *error) {
    static const char what[] = "the certificate file";
    struct small_file file;
    const enum error_code code = small_file_read(path, what, FILE_BYTES_MAX, false, &file, error);
    if (code != ERROR_NONE) {
        return code;
    }
    const gnutls_datum_t text = {.data = (unsigned char *)file.text, .size = (unsigned)file.bytes};
    unsigned count = CHAIN_MAX;
    int result = gnutls_x509_crt_list_import(identity->chain, &count, &text, GNUTLS_X509_FMT_PEM,
                                             GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED |
                                                 GNUTLS_X509_CRT_LIST_SORT);
    small_file_free(&file);
    if (result <= 0) {
        return fail(what, path, result == 0 ? GNUTLS_E_NO_CERTIFICATE_FOUND : result, error);
    }
    identity->count = (unsigned)result;
    for (unsigned i = 0; i < identity->count; i++) {
        result =
            gnutls_x509_crt_export2(identity->chain[i], GNUTLS_X509_FMT_DER, &identity->encoded[i]);
        if (result < 0) {
            return fail(what, path, result, error);
        }
    }
    return ERROR_NONE;
}

static enum error_code load_key(const char *path, struct identity *identity, struct error *error) {
    static const char what[] = "the key file";
    struct small_file file;
    const enum error_code code = small_file_read(path, what, FILE_BYTES_MAX, true, &file, error);
    if (code != ERROR_NONE) {
        return code;
    }
    const gnutls_datum_t text = {.data = (unsigned char *)file.text, .size = (unsigned)file.bytes};
    int result = gnutls_x509_privkey_init(&identity->key);
    if (result == 0) {
        result = gnutls_x509_privkey_import2(identity->key, &text, GNUTLS_X509_FMT_PEM, NULL, 0);
    }
    small_file_free(&file);
    return result == 0 ? ERROR_NONE : fail(what, path, result, error);
}

static bool is_pair(const struct identity *identity) {
    unsigned char of_certificate[KEY_ID_BYTES], of_key[KEY_ID_BYTES];
    size_t bytes = sizeof of_certificate, key_bytes = sizeof of_key;
    return gnutls_x509_crt_get_key_id(identity->chain[0], GNUTLS_KEYID_USE_SHA256, of_certificate,
                                      &bytes) == 0 &&
           gnutls_x509_privkey_get_key_id(identity->key, GNUTLS_KEYID_USE_SHA256, of_key,
                                          &key_bytes) == 0 &&
           bytes == key_bytes && memcmp(of_certificate, of_key, bytes) == 0;
}

static void log_end_of_validity(const char *path, const struct identity *identity) {
    const time_t end = gnutls_x509_crt_get_expiration_time(identity->chain[0]);
    struct tm parts;
    char text[32] = "";
    if (end == (time_t)-1 || gmtime_r(&end, &parts) == NULL) {
        return;
    }
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    LOG_WRITE(end < time(NULL) ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO,
              end < time(NULL) ? "the certificate has expired" : "the certificate was read",
              log_text("file", path), log_text("expires_at", text));
}

enum error_code tls_load(const char *certificate_path, const char *key_path, struct error *error) {
    struct identity *identity = memory_allocate_zero(1, sizeof *identity);
    if (identity == NULL) {
        return error_set(error, ERROR_MEMORY, NULL, "no memory for the certificate");
    }
    enum error_code code = load_chain(certificate_path, identity, error);
    if (code == ERROR_NONE) {
        code = load_key(key_path, identity, error);
    }
    if (code == ERROR_NONE && !is_pair(identity)) {
        code = error_set(error, ERROR_INVALID, NULL,
                         "the key of %.200s is not that of the first certificate in %.200s",
                         key_path, certificate_path);
    }
    if (code != ERROR_NONE) {
        destroy_identity(identity);
        return code;
    }
    log_end_of_validity(certificate_path, identity);
    destroy_identity(published_replace(&current, identity));
    return ERROR_NONE;
}

void tls_unload(void) {
    destroy_identity(published_replace(&current, NULL));
}

/* ---- handshakes ---- */

static int copy_chain(const struct identity *identity, gnutls_pcert_st **copy, unsigned *count) {
    gnutls_pcert_st *chain = gnutls_calloc(identity->count, sizeof *chain);
    if (chain == NULL) {
        return GNUTLS_E_MEMORY_ERROR;
    }
    for (unsigned i = 0; i < identity->count; i++) {
        const int result =
            gnutls_pcert_import_x509_raw(&chain[i], &identity->encoded[i], GNUTLS_X509_FMT_DER, 0);
        if (result < 0) {
            while (i-- > 0) {
                gnutls_pcert_deinit(&chain[i]);
            }
            gnutls_free(chain);
            return result;
        }
    }
    *copy = chain;
    *count = identity->count;
    return 0;
}

static int copy_key(const struct identity *identity, gnutls_privkey_t *copy) {
    gnutls_privkey_t key;
    int result = gnutls_privkey_init(&key);
    if (result < 0) {
        return result;
    }
    result = gnutls_privkey_import_x509(key, identity->key, GNUTLS_PRIVKEY_IMPORT_COPY);
    if (result < 0) {
        gnutls_privkey_deinit(key);
        return result;
    }
    *copy = key;
    return 0;
}

static int copy_identity(const struct identity *identity, gnutls_pcert_st **chain, unsigned *count,
                         gnutls_privkey_t *key) {
    if (identity == NULL) {
        return GNUTLS_E_INSUFFICIENT_CREDENTIALS;
    }
    gnutls_privkey_t key_copy;
    int result = copy_key(identity, &key_copy);
    if (result < 0) {
        return result;
    }
    result = copy_chain(identity, chain, count);
    if (result < 0) {
        gnutls_privkey_deinit(key_copy);
        return result;
    }
    *key = key_copy;
    return 0;
}

int tls_give_certificate(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
                         gnutls_pcert_st **certificates, unsigned *count,
                         gnutls_ocsp_data_st **staples, unsigned *staple_count,
                         gnutls_privkey_t *key, unsigned *flags) {
    unsigned slot;
    (void)session;
    (void)info;
    *staples = NULL;
    *staple_count = 0;
    *flags = GNUTLS_CERT_RETR_DEINIT_ALL; /* the copies are the session's */
    const struct identity *identity = published_acquire(&current, &slot);
    const int result = copy_identity(identity, certificates, count, key);
    published_release(&current, slot);
    return result < 0 ? -1 : 0;
}

void tls_send(gnutls_session_t session, const struct iovec *parts, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const char *at = parts[i].iov_base;
        size_t left = parts[i].iov_len;
        while (left > 0) {
            const ssize_t sent = gnutls_record_send(session, at, left);
            if (sent <= 0) {
                return;
            }
            at += sent;
            left -= (size_t)sent;
        }
    }
}
