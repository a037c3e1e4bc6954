/* Lists of names; see words.h. */
#include "api/words.h"

#include <string.h>

bool words_contain(const char *words, const char *word) {
    const size_t length = strlen(word);
    while (*words != '\0') {
        const size_t candidate = strcspn(words, " ");
        if (candidate == length && memcmp(words, word, length) == 0) {
            return true;
        }
        words += candidate;
        words += strspn(words, " ");
    }
    return false;
}
