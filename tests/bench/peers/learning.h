/* That a server learns at all, before how fast it does so. */
#ifndef MLPD_TESTS_BENCH_PEERS_LEARNING_H
#define MLPD_TESTS_BENCH_PEERS_LEARNING_H

/* Train a small net on rows whose label can be told from their inputs, with JSON and F32
 * bodies by turns: the loss must fall to a fraction, and predictions be right.  What is
 * not so ends the program.  `name` is the server's, for the message. */
void learning_check(const char *name, unsigned port);

#endif
