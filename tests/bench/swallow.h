/* The ceiling of an HTTP server made of libmicrohttpd: one that swallows bodies. */
#ifndef MLPD_TESTS_BENCH_SWALLOW_H
#define MLPD_TESTS_BENCH_SWALLOW_H

/* Answer every request with 200 and nothing, on a free port of the loopback that is
 * written to `port_file`, until SIGTERM.  One thread, which is enough here: the load
 * generator has one, too.  Driven "internal", by libmicrohttpd's own epoll loop, which is
 * the faster one, or "external", as mlpd drives it (server/http_loop.h), which bears any
 * number of connections.  The exit status. */
int swallow(const char *driven, const char *port_file);

#endif
