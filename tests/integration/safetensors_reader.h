/* A reader of safetensors files, written from the format's specification and nothing of
 * mlpd's, and the network that such a file describes, as an nn.Sequential would be built.
 * What is wrong with a file fails the test. */
#ifndef MLPD_TESTS_INTEGRATION_SAFETENSORS_READER_H
#define MLPD_TESTS_INTEGRATION_SAFETENSORS_READER_H

#include <jansson.h>
#include <stddef.h>

struct file {
    const char *bytes; /* the caller's */
    size_t size;
    json_t *header, *config; /* owned */
    const char *data;        /* behind the header */
};

/* Checks the frame: the length, the header, tensors that follow each other and fill the file,
 * data on a multiple of 8. */
void file_open(struct file *file, const void *bytes, size_t size);
void file_close(struct file *file);

/* A fact of __metadata__; "" when it is not there. */
const char *file_fact(const struct file *file, const char *key);

/* Names of the tensors in the order of their data, divided by blanks; the caller frees it. */
char *file_names(const struct file *file);

/* A tensor's entry, or NULL; its items as doubles, which the caller frees. */
const json_t *file_entry(const struct file *file, const char *name);
double *file_items(const struct file *file, const char *name, size_t *count);

/* What the network answers for inputs [rows × inputs], by the textbook and in double:
 * outputs [rows × outputs], which the caller frees. */
double *file_predict(const struct file *file, size_t rows, const double *inputs);

#endif
