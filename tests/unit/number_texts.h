/* Numbers as text that are hard to read: random ones in every form that clients write,
 * and adversarial ones: halfway between two floats or doubles, or a digit beside it;
 * subnormals; the borders of overflow; hundreds of digits; long exponents; zeros in
 * front.  All are in the grammar of JSON. */
#ifndef MLPD_TESTS_UNIT_NUMBER_TEXTS_H
#define MLPD_TESTS_UNIT_NUMBER_TEXTS_H

#include <stddef.h>
#include <stdint.h>

/* Where random words come from: the same for the same `step` and beginning `block`. */
struct source {
    uint64_t step;
    uint32_t block, word, words[4];
};

uint32_t source_word(struct source *source);
uint64_t source_long(struct source *source);

/* Any finite one: random bits. */
double source_double(struct source *source);

#define NUMBER_TEXT_MAX 1000 /* characters */

/* The next number, terminated; its length. */
size_t number_text(struct source *source, char text[NUMBER_TEXT_MAX + 1]);

/* The next of the kind that lists hold: plain, in up to 20 digits. */
size_t number_text_plain(struct source *source, char text[NUMBER_TEXT_MAX + 1]);

#endif
