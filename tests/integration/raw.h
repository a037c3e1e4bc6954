/* A bare connection to the current daemon, for what libcurl would not send: half
 * bodies, odd framing, clients that go away. */
#ifndef MLPD_TESTS_INTEGRATION_RAW_H
#define MLPD_TESTS_INTEGRATION_RAW_H

#include <stdbool.h>
#include <stddef.h>

/* The socket, or -1. */
int raw_connect(void);
/* The same from 127.0.0.`host`. */
int raw_connect_from(unsigned host);

/* False when the other side is gone. */
bool raw_send(int connection, const char *bytes, size_t size);
bool raw_send_text(int connection, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* All that comes until the daemon closes, or an answer with a Content-Length is whole.
 * Returns its status, 0 for none, -1 when the deadline came first. */
int raw_read(int connection, char *answer, size_t bytes);

/* All that comes until the daemon closes; false when the deadline came first. */
bool raw_read_to_end(int connection, char *text, size_t bytes);

/* Connect, send, read, close. */
int raw_exchange(const char *request, size_t size, char *answer, size_t bytes);

/* Gone without a word: the daemon sees a reset. */
void raw_reset(int connection);

#endif
