/* A reader and interpreter of ONNX files, as much of the format and of its operators as
 * networks of this kind need; written from onnx.proto3 and the operators' descriptions, and
 * nothing of mlpd's.  It computes in double, but where the graph casts to float32.  What is
 * wrong with a file fails the test. */
#ifndef MLPD_TESTS_INTEGRATION_ONNX_READER_H
#define MLPD_TESTS_INTEGRATION_ONNX_READER_H

#include <stddef.h>

/* What the file answers for inputs [rows × columns]: outputs, [rows × *outputs_columns], which
 * the caller frees. */
double *onnx_predict(const void *file, size_t bytes, size_t rows, size_t columns,
                     const double *inputs, size_t *output_columns);

/* A pair of metadata_props; the caller frees it. */
char *onnx_fact(const void *file, size_t bytes, const char *key);

#endif
