/* Tokens; see tokens.h. */
#include "server/tokens.h"

#include <ctype.h>
#include <nettle/memops.h>
#include <nettle/sha2.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "api/access.h"
#include "core/base/memory.h"
#include "server/published.h"
#include "server/small_file.h"

#define PREFIX "sha256:"
#define PREFIX_BYTES (sizeof PREFIX - 1)

struct entry {
    uint8_t hash[SHA256_DIGEST_SIZE];
    unsigned scopes;
    size_t line; /* of the file; for messages */
};

/* What one reading of the file gave.  Read only once it is published. */
struct table {
    size_t count;
    struct entry entries[TOKENS_MAX];
};

struct tokens {
    const char *path;
    struct published table; /* the values are struct table */
};

static void hash_token(const char *token, size_t bytes, uint8_t hash[SHA256_DIGEST_SIZE]) {
    struct sha256_ctx context;
    sha256_init(&context);
    sha256_update(&context, bytes, (const uint8_t *)token);
    sha256_digest(&context, SHA256_DIGEST_SIZE, hash);
}

void token_hash(const char *token, size_t bytes, char text[TOKEN_HASH_TEXT_BYTES]) {
    uint8_t hash[SHA256_DIGEST_SIZE];
    hash_token(token, bytes, hash);
    size_t used = (size_t)snprintf(text, TOKEN_HASH_TEXT_BYTES, PREFIX);
    for (size_t i = 0; i < sizeof hash; i++) {
        used += (size_t)snprintf(text + used, TOKEN_HASH_TEXT_BYTES - used, "%02x", hash[i]);
    }
}

/* ---- lines ---- */

struct word {
    const char *start;
    size_t length;
};

static struct word take_word(const char **at, const char *end) {
    while (*at < end && (**at == ' ' || **at == '\t')) {
        (*at)++;
    }
    struct word word = {.start = *at};
    while (*at < end && **at != ' ' && **at != '\t') {
        (*at)++;
    }
    word.length = (size_t)(*at - word.start);
    return word;
}

static unsigned scopes_of_word(struct word word) {
    static const struct {
        enum scope scope;
        unsigned included;
    } rows[] = {
        {SCOPE_READ, SCOPE_READ},
        {SCOPE_TRAIN, SCOPE_READ | SCOPE_TRAIN},
        {SCOPE_ADMIN, SCOPE_ALL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *name = scope_name(rows[i].scope);
        if (strlen(name) == word.length && memcmp(name, word.start, word.length) == 0) {
            return rows[i].included;
        }
    }
    return SCOPE_NONE;
}

static bool parse_hash(struct word word, uint8_t hash[SHA256_DIGEST_SIZE]) {
    if (word.length != PREFIX_BYTES + 2 * SHA256_DIGEST_SIZE ||
        memcmp(word.start, PREFIX, PREFIX_BYTES) != 0) {
        return false;
    }
    for (size_t i = 0; i < 2 * SHA256_DIGEST_SIZE; i++) {
        const char digit = (char)tolower((unsigned char)word.start[PREFIX_BYTES + i]);
        if (!isxdigit((unsigned char)digit)) {
            return false;
        }
        const unsigned value = (unsigned)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
        hash[i / 2] = (uint8_t)(i % 2 == 0 ? value << 4 : hash[i / 2] | value);
    }
    return true;
}

static enum error_code refuse_line(const char *path, size_t line, struct error *error,
                                   const char *why) {
    return error_set(error, ERROR_INVALID, NULL, "%.200s:%zu: %s", path, line, why);
}

static enum error_code take_line(struct table *table, const char *path, size_t line, const char *at,
                                 const char *end, struct error *error) {
    const struct word scope = take_word(&at, end);
    if (scope.length == 0 || scope.start[0] == '#') {
        return ERROR_NONE;
    }
    if (table->count == TOKENS_MAX) {
        return refuse_line(path, line, error, "more than 1000 tokens; so many are allowed");
    }
    struct entry *entry = &table->entries[table->count];
    entry->line = line;
    entry->scopes = scopes_of_word(scope);
    if (entry->scopes == SCOPE_NONE) {
        return refuse_line(path, line, error,
                           "the line does not begin with a scope: read, train or admin");
    }
    if (!parse_hash(take_word(&at, end), entry->hash)) {
        return refuse_line(path, line, error,
                           "behind the scope there is not sha256: and 64 hexadecimal digits; "
                           "mlpd --hash-token makes them of a token");
    }
    for (size_t i = 0; i < table->count; i++) {
        if (memcmp(table->entries[i].hash, entry->hash, sizeof entry->hash) == 0) {
            return error_set(error, ERROR_INVALID, NULL,
                             "%.200s:%zu: the token of line %zu again; once is allowed", path, line,
                             table->entries[i].line);
        }
    }
    table->count++;
    return ERROR_NONE;
}

static enum error_code take_text(struct table *table, const char *path, const char *text,
                                 size_t bytes, struct error *error) {
    const char *at = text, *end = text + bytes;
    for (size_t line = 1; at < end; line++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *next = newline != NULL ? newline + 1 : end;
        const char *line_end = newline != NULL ? newline : end;
        line_end -= line_end > at && line_end[-1] == '\r';
        const enum error_code code = take_line(table, path, line, at, line_end, error);
        if (code != ERROR_NONE) {
            return code;
        }
        at = next;
    }
    if (table->count == 0) {
        return error_set(error, ERROR_INVALID, NULL,
                         "%.200s: there is no token in it: nobody could call mlpd", path);
    }
    return ERROR_NONE;
}

static enum error_code load(const char *path, struct table **result, struct error *error) {
    struct small_file file;
    enum error_code code =
        small_file_read(path, "the token file", TOKENS_FILE_BYTES_MAX, true, &file, error);
    if (code != ERROR_NONE) {
        return code;
    }
    struct table *table = memory_allocate_zero(1, sizeof *table);
    code = table != NULL ? take_text(table, path, file.text, file.bytes, error)
                         : error_set(error, ERROR_MEMORY, NULL, "no memory for the tokens");
    small_file_free(&file);
    if (code != ERROR_NONE) {
        memory_free(table);
        return code;
    }
    *result = table;
    return ERROR_NONE;
}

/* ---- all of them ---- */

enum error_code tokens_create(const char *path, struct tokens **result, struct error *error) {
    struct table *table;
    struct tokens *tokens = memory_allocate_zero(1, sizeof *tokens);
    if (tokens == NULL) {
        return error_set(error, ERROR_MEMORY, NULL, "no memory for the tokens");
    }
    const enum error_code code = load(path, &table, error);
    if (code != ERROR_NONE) {
        memory_free(tokens);
        return code;
    }
    tokens->path = path;
    published_init(&tokens->table, table);
    *result = tokens;
    return ERROR_NONE;
}

enum error_code tokens_reload(struct tokens *tokens, struct error *error) {
    struct table *table;
    const enum error_code code = load(tokens->path, &table, error);
    if (code == ERROR_NONE) {
        memory_free(published_replace(&tokens->table, table));
    }
    return code;
}

unsigned tokens_scopes(struct tokens *tokens, const char *token, size_t bytes) {
    uint8_t hash[SHA256_DIGEST_SIZE];
    unsigned slot, scopes = SCOPE_NONE;
    hash_token(token, bytes, hash);
    const struct table *table = published_acquire(&tokens->table, &slot);
    /* All of them are looked at, and each adds its scopes or none, so that neither which
     * one matched nor how much of it can be told by the time. */
    for (size_t i = 0; i < table->count; i++) {
        const unsigned same = (unsigned)memeql_sec(hash, table->entries[i].hash, sizeof hash);
        scopes |= table->entries[i].scopes & (0u - same);
    }
    published_release(&tokens->table, slot);
    return scopes;
}

size_t tokens_count(struct tokens *tokens) {
    unsigned slot;
    const struct table *table = published_acquire(&tokens->table, &slot);
    const size_t count = table->count;
    published_release(&tokens->table, slot);
    return count;
}

void tokens_destroy(struct tokens *tokens) {
    if (tokens != NULL) {
        memory_free(published_replace(&tokens->table, NULL));
        memory_free(tokens);
    }
}
