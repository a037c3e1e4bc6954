/* Lists of names as constants: "limit after" is the two words. */
#ifndef MLPD_API_WORDS_H
#define MLPD_API_WORDS_H

#include <stdbool.h>

/* Is `word` one of the words, which blanks separate? */
bool words_contain(const char *words, const char *word);

#endif
