/* Tokens: who may do what, as --token-file says.
 *
 *   # a comment
 *   admin sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 ops
 *   read  sha256:…                                                                dashboard
 *
 * A line is a scope, the SHA-256 of a token, and whatever helps to remember whose it is.
 * The scope is read, train or admin, and a larger one includes the smaller.  Blank lines
 * and lines that begin with # are passed over.  The token itself stands nowhere:
 *
 *   openssl rand -hex 32 > token
 *   echo "train $(mlpd --hash-token < token) alice" >> tokens
 *
 * and where there is no mlpd, sha256sum makes the same of the token without its newline.
 * A file that others than its owner can write is refused; one that all can read is
 * warned of.
 *
 * In memory there are only the hashes.  Whoever asks is compared with all of them, in a
 * time that does not depend on what they are. */
#ifndef MLPD_SERVER_TOKENS_H
#define MLPD_SERVER_TOKENS_H

#include <stddef.h>

#include "core/base/error.h"

#define TOKENS_MAX 1000
#define TOKENS_FILE_BYTES_MAX ((size_t)256 << 10)
#define TOKEN_HASH_TEXT_BYTES 72 /* "sha256:", 64 digits and the end */

struct tokens;

/* Main.  ERROR_INVALID with a sentence that names the file and, where one is at fault,
 * the line; it never shows what stands there, which may be a token. */
enum error_code tokens_create(const char *path, struct tokens **tokens, struct error *error);

/* Main.  Read the file again; if that fails the tokens stay as they are. */
enum error_code tokens_reload(struct tokens *tokens, struct error *error);

/* Any thread, and nobody waits.  What the token grants as bits of enum scope; 0: it is not
 * known. */
unsigned tokens_scopes(struct tokens *tokens, const char *token, size_t bytes);

/* How many there are. */
size_t tokens_count(struct tokens *tokens);

/* NULL is allowed. */
void tokens_destroy(struct tokens *tokens);

/* "sha256:…", as the file has it. */
void token_hash(const char *token, size_t bytes, char text[TOKEN_HASH_TEXT_BYTES]);

#endif
