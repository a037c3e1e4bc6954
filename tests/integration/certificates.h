/* Certificates for the tests, made when they are needed. */
#ifndef MLPD_TESTS_INTEGRATION_CERTIFICATES_H
#define MLPD_TESTS_INTEGRATION_CERTIFICATES_H

#include <time.h>

/* Write a key and a certificate for localhost and 127.0.0.1 that vouches for itself, as
 * PEM.  `name` is its subject's common name; it ends `seconds` from now. */
void certificate_make(const char *certificate_path, const char *key_path, const char *name,
                      time_t seconds);

#endif
