/* Compressed bodies, through zlib; see content_coding.h. */
#include "api/content_coding.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>
#define ZLIB_CONST
#include <zlib.h>

#include "core/base/checked.h"
#include "core/base/memory.h"

#define WINDOW_BITS 15 /* the largest window: any stream can be read */
#define GZIP_FORMAT 16 /* added to the bits: a gzip header and trailer */
#define GZIP_FIRST_BYTE 0x1F
#define BLANKS " \t"

/* What zlib takes to inflate (zconf.h says 7 KiB and the window of 32 KiB), with
 * the allocator's share of its two blocks. */
#define INFLATE_BYTES (48 * 1024)

enum stage {
    AT_BEGINNING,
    IN_STREAM,
    AFTER_STREAM /* whole; another gzip member may come, or zeros */
};

struct decoder {
    enum content_coding coding;
    struct ledger *ledger;
    decoder_sink *sink;
    void *context;
    enum stage stage;
    size_t members; /* that are whole */
    size_t taken;   /* bytes of the body, for messages */
    z_stream stream;
    char piece[DECODER_PIECE_BYTES];
};

#define DECODER_BYTES (sizeof(struct decoder) + MEMORY_BLOCK_OVERHEAD + INFLATE_BYTES)

enum content_coding content_coding_find(const char *value) {
    static const struct {
        const char *name;
        enum content_coding coding;
    } codings[] = {
        {"", CODING_IDENTITY},   {"identity", CODING_IDENTITY}, {"gzip", CODING_GZIP},
        {"x-gzip", CODING_GZIP}, {"deflate", CODING_DEFLATE},
    };
    if (value == NULL) {
        return CODING_IDENTITY;
    }
    value += strspn(value, BLANKS);
    size_t length = strlen(value);
    while (length > 0 && strchr(BLANKS, value[length - 1]) != NULL) {
        length--;
    }
    for (size_t i = 0; i < sizeof codings / sizeof *codings; i++) {
        if (strlen(codings[i].name) == length && strncasecmp(codings[i].name, value, length) == 0) {
            return codings[i].coding;
        }
    }
    return CODING_UNKNOWN;
}

/* ---- Life ---- */

static void *allocate(void *context, unsigned count, unsigned size) {
    (void)context;
    return memory_allocate(count, size);
}

static void release(void *context, void *block) {
    (void)context;
    memory_free(block);
}

struct decoder *decoder_create(enum content_coding coding, struct ledger *ledger,
                               decoder_sink *sink, void *context, struct error *error) {
    if (ledger_reserve(ledger, DECODER_BYTES, "reading a compressed body", error) != ERROR_NONE) {
        return NULL;
    }
    struct decoder *decoder = memory_allocate(1, sizeof *decoder);
    if (decoder != NULL) {
        *decoder = (struct decoder){
            .coding = coding,
            .ledger = ledger,
            .sink = sink,
            .context = context,
            .stream = {.zalloc = allocate, .zfree = release},
        };
        const int bits = coding == CODING_GZIP ? WINDOW_BITS + GZIP_FORMAT : WINDOW_BITS;
        if (inflateInit2(&decoder->stream, bits) == Z_OK) {
            return decoder;
        }
        memory_free(decoder);
    }
    ledger_release(ledger, DECODER_BYTES);
    error_set(error, ERROR_MEMORY, NULL, "no memory to read a compressed body");
    return NULL;
}

void decoder_destroy(struct decoder *decoder) {
    if (decoder != NULL) {
        inflateEnd(&decoder->stream);
        ledger_release(decoder->ledger, DECODER_BYTES);
        memory_free(decoder);
    }
}

/* ---- Decoding ---- */

static const char *name_of(const struct decoder *decoder) {
    return decoder->coding == CODING_GZIP ? "gzip" : "deflate";
}

static enum error_code broken(const struct decoder *decoder, int result, struct error *error) {
    if (result == Z_MEM_ERROR) {
        return error_set(error, ERROR_MEMORY, NULL, "no memory to read a compressed body");
    }
    const size_t at = decoder->taken - decoder->stream.avail_in;
    if (decoder->members > 0 && decoder->stream.total_out == 0) {
        return error_set(error, ERROR_SYNTAX, NULL,
                         "the %s body is whole, and near byte %zu something else follows",
                         name_of(decoder), at);
    }
    return error_set(error, ERROR_SYNTAX, NULL, "the %s body is broken near byte %zu: %s%s",
                     name_of(decoder), at,
                     result == Z_NEED_DICT         ? "it needs a dictionary"
                     : decoder->stream.msg != NULL ? decoder->stream.msg
                                                   : "no such stream",
                     decoder->coding == CODING_DEFLATE && decoder->stream.total_out == 0
                         ? " (deflate is the zlib form, RFC 1950)"
                         : "");
}

/* Decode until the output is full or the input is empty, and hand it on: also what
 * came before a fault, whose reader may find an earlier one. */
static enum error_code decode_piece(struct decoder *decoder, struct error *error) {
    z_stream *stream = &decoder->stream;
    stream->next_out = (Bytef *)decoder->piece;
    stream->avail_out = DECODER_PIECE_BYTES;
    const int result = inflate(stream, Z_NO_FLUSH);
    if (result == Z_STREAM_END) {
        decoder->stage = AFTER_STREAM;
        decoder->members++;
    }
    const size_t size = DECODER_PIECE_BYTES - stream->avail_out;
    enum error_code code = ERROR_NONE;
    if (size > 0) {
        code = decoder->sink(decoder->context, decoder->piece, size, error);
    }
    if (code == ERROR_NONE && result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
        code = broken(decoder, result, error);
    }
    return code;
}

/* Behind a whole stream: zeros, and with gzip another member. */
static enum error_code go_on(struct decoder *decoder, struct error *error) {
    z_stream *stream = &decoder->stream;
    while (decoder->coding == CODING_GZIP && stream->avail_in > 0 && *stream->next_in == 0) {
        stream->next_in++;
        stream->avail_in--;
    }
    if (stream->avail_in == 0) {
        return ERROR_NONE;
    }
    inflateReset(stream);
    if (decoder->coding != CODING_GZIP || *stream->next_in != GZIP_FIRST_BYTE) {
        return broken(decoder, Z_DATA_ERROR, error);
    }
    decoder->stage = IN_STREAM;
    return ERROR_NONE;
}

/* Whether inflate can do more: it has input, or has kept output back because the
 * last piece was full. */
static bool has_more(const struct decoder *decoder) {
    return decoder->stream.avail_in > 0 ||
           (decoder->stage == IN_STREAM && decoder->stream.avail_out == 0);
}

enum error_code decoder_feed(struct decoder *decoder, const char *data, size_t size,
                             struct error *error) {
    enum error_code code = ERROR_NONE;
    while (size > 0 && code == ERROR_NONE) {
        /* zlib counts in unsigned. */
        const size_t part = size_min(size, (size_t)1 << 30);
        decoder->stream.next_in = (const Bytef *)data;
        decoder->stream.avail_in = (unsigned)part;
        decoder->taken += part;
        decoder->stage = decoder->stage == AT_BEGINNING ? IN_STREAM : decoder->stage;
        while (code == ERROR_NONE && has_more(decoder)) {
            code =
                decoder->stage == IN_STREAM ? decode_piece(decoder, error) : go_on(decoder, error);
        }
        data += part;
        size -= part;
    }
    return code;
}

enum error_code decoder_end(const struct decoder *decoder, struct error *error) {
    return decoder->stage == IN_STREAM
               ? error_set(error, ERROR_SYNTAX, NULL, "the %s body ends early, after %zu bytes",
                           name_of(decoder), decoder->taken)
               : ERROR_NONE;
}
