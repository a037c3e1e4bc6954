/* Request smuggling: a request hidden in another must never be served, whoever reads
 * the bytes, mlpd alone or a proxy before it (tests/proxies).  The hidden one deletes a
 * model; the model must live. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/integration/client.h"
#include "tests/integration/daemon.h"
#include "tests/integration/raw.h"
#include "tests/integration/suites.h"

#define COUNT(rows) ((int)(sizeof(rows) / sizeof *(rows)))
#define HIDDEN "DELETE /v1/models/canary HTTP/1.1\r\nHost: localhost\r\n\r\n"
_Static_assert(sizeof HIDDEN - 1 == 0x36, "what the attacks in chunks say");
#define QUIET_MS 200 /* for servers that wait for more; costs time, decides nothing */
#define OTHERS 8

/* In `start` and `fields` @ is the body's length. */
struct attack {
    const char *start, *fields, *body;
};

#define BATCH "POST /v1/models/m/batches HTTP/1.1"
#define CHUNKS "0\r\n\r\n" HIDDEN

static const struct attack attacks[] = {
    /* A length and a coding, the coding in forms that one reads and another does not. */
    {BATCH, "Content-Length: @\r\nTransfer-Encoding: chunked", CHUNKS},
    {BATCH, "Transfer-Encoding: chunked\r\nContent-Length: @", CHUNKS},
    {BATCH, "Content-Length: @\r\nTransfer-Encoding : chunked", CHUNKS},
    {BATCH, "Content-Length: @\r\nTransfer-Encoding\t: chunked", CHUNKS},
    {BATCH, "Content-Length: @\r\nTransfer-Encoding: xchunked", CHUNKS},
    {BATCH, "Content-Length: @\r\nTransfer-Encoding: chunkedx", CHUNKS},
    {BATCH, "Content-Length: @\r\nTransfer-Encoding: identity", CHUNKS},
    {BATCH, "Content-Length: @\r\nTransfer-Encoding: identity, chunked", CHUNKS},
    {BATCH, "Content-Length: @\r\nTransfer-Encoding: chunked, identity", CHUNKS},
    {BATCH, "Content-Length: @\r\nTransfer-Encoding: chunked, chunked", CHUNKS},
    {BATCH, "Content-Length: @\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: chunked",
     CHUNKS},
    {BATCH, "Content-Length: @\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity",
     CHUNKS},
    {BATCH, "Content-Length: @\r\nTransfer-Encoding: \"chunked\"", CHUNKS},
    {BATCH, "Content-Length: @\r\nTransfer-Encoding: \vchunked", CHUNKS},
    {BATCH, "Content-Length: @\r\nTransfer-Encoding: chunked;q=1", CHUNKS},
    {BATCH, "Content-Length: @\r\nTransfer-Encoding:", CHUNKS},
    {BATCH, "Content-Length: @\r\nTransfer-Encoding:\r\n chunked", CHUNKS},
    {BATCH, "Content-Length: @\r\nTransfer-Encoding\r\n: chunked", CHUNKS},
    {BATCH, "Content-Length: @\r\nTransfer_Encoding: chunked", CHUNKS},
    {BATCH, "Content-Length: @\r\nX: y\r\n Transfer-Encoding: chunked", CHUNKS},
    {BATCH, "Content-Length: @\r\nX: y\r\n\tTransfer-Encoding: chunked", CHUNKS},
    {BATCH, "Content-Length: @\r\nX: y\nTransfer-Encoding: chunked", CHUNKS},
    {BATCH, "Content-Length: @\r\nX: y\rTransfer-Encoding: chunked", CHUNKS},
    {BATCH, "Content-Length: @\r\nX: y\r\rTransfer-Encoding: chunked", CHUNKS},
    {BATCH, "Content-Length: @\r\nConnection: Transfer-Encoding\r\nTransfer-Encoding: chunked",
     CHUNKS},
    {"POST /v1/models/m/batches HTTP/1.0", "Content-Length: @\r\nTransfer-Encoding: chunked",
     CHUNKS},
    {"POST /v1/models/m/batches HTTP/1.1\r\n Transfer-Encoding: chunked", "Content-Length: @",
     CHUNKS},
    {"GET /health/live HTTP/1.1", "Content-Length: @\r\nTransfer-Encoding: chunked", CHUNKS},
    /* The other way about: in chunks, and a length that ends before the hidden one. */
    {BATCH, "Content-Length: 4\r\nTransfer-Encoding: chunked", "36\r\n" HIDDEN "\r\n0\r\n\r\n"},
    {BATCH, "Transfer-Encoding: chunked\r\nContent-Length: 4", "36\r\n" HIDDEN "\r\n0\r\n\r\n"},
    {BATCH, "Transfer-Encoding:\r\n chunked\r\nContent-Length: 4", "36\r\n" HIDDEN "\r\n0\r\n\r\n"},
    {BATCH, "Transfer-Encoding: chunked\r\nContent-Length: 0", "36\r\n" HIDDEN "\r\n0\r\n\r\n"},
    /* Lengths. */
    {BATCH, "Content-Length : @", HIDDEN},
    {BATCH, "Content-Length\t: @", HIDDEN},
    {BATCH, "Content-Length:\r\n @", HIDDEN},
    {BATCH, "Content-Length: 0\r\nContent-Length: @", HIDDEN},
    {BATCH, "Content-Length: @\r\nContent-Length: 0", HIDDEN},
    {BATCH, "Content-Length: @\r\nContent-Length: @", HIDDEN},
    {BATCH, "Content-Length: 0, @", HIDDEN},
    {BATCH, "Content-Length: @, 0", HIDDEN},
    {BATCH, "Content-Length: +@", HIDDEN},
    {BATCH, "Content-Length: -@", HIDDEN},
    {BATCH, "Content-Length: 0x36", HIDDEN},
    {BATCH, "Content-Length: 0@", HIDDEN},
    {BATCH, "Content-Length: @ 0", HIDDEN},
    {BATCH, "Content-Length: 0 @", HIDDEN},
    {BATCH, "Content-Length: 18446744073709551616", HIDDEN},
    {BATCH, "Content-Length: 340282366920938463463374607431768211456", HIDDEN},
    {BATCH, "Content-Length: 4294967296", HIDDEN},
    {BATCH, "Content-Length: 000000000000000000000000000000@", HIDDEN},
    {BATCH, "Content-Length: \"@\"", HIDDEN},
    {BATCH, "Content-Length: @\r\nConnection: Content-Length", HIDDEN},
    {BATCH, "Content-Length: @\r\nConnection: close, Content-Length", HIDDEN},
    {BATCH, "X: y\nContent-Length: @", HIDDEN},
    {BATCH "\n", "Content-Length: @", HIDDEN},
    /* Chunks whose size or extension can be read in two ways. */
    {BATCH, "Transfer-Encoding: chunked", "2;\nxx\r\n3b\r\n0\r\n\r\n" HIDDEN "\r\n0\r\n\r\n"},
    {BATCH, "Transfer-Encoding: chunked", "2;x=\"\nxx\r\n3b\r\n0\r\n\r\n" HIDDEN "\r\n0\r\n\r\n"},
    {BATCH, "Transfer-Encoding: chunked", "10000000000000000\r\n\r\n" HIDDEN},
    {BATCH, "Transfer-Encoding: chunked", "-0\r\n\r\n" HIDDEN},
    {BATCH, "Transfer-Encoding: chunked", "0x0\r\n\r\n" HIDDEN},
    {BATCH, "Transfer-Encoding: chunked", "g\r\n\r\n" HIDDEN},
    {BATCH, "Transfer-Encoding: chunked", "\r\n\r\n" HIDDEN},
    {BATCH, "Transfer-Encoding: chunked", "2\r\nxx0\r\n\r\n" HIDDEN},
    {BATCH, "Transfer-Encoding: chunked", "2\r\nxxxx0\r\n\r\n" HIDDEN},
    /* Nothing odd, but the answer comes before the body has been read. */
    {"POST /v1/models/none/batches HTTP/1.1", "Content-Length: @", HIDDEN},
    {"POST /v1/models/none/batches HTTP/1.1", "Content-Length: @\r\nExpect: 100-continue", HIDDEN},
    {"POST /v1/models/none/batches HTTP/1.1", "Content-Length: @\r\nExpect: y 100-continue",
     HIDDEN},
    {BATCH, "Content-Length: @\r\nExpect: 100-continue", HIDDEN},
    {BATCH, "Content-Length: @\r\nContent-Type: text/plain", HIDDEN},
    {BATCH, "Content-Length: 67108865", HIDDEN},
    {BATCH, "Content-Length: 67108865\r\nExpect: 100-continue", HIDDEN},
    {BATCH, "Transfer-Encoding: chunked", "36\r\n" HIDDEN "\r\n0\r\n\r\n"},
    {"POST /v1/models/none/batches HTTP/1.1", "Transfer-Encoding: chunked",
     "36\r\n" HIDDEN "\r\n0\r\n\r\n"},
    {"GET /health/live HTTP/1.1", "Content-Length: @", HIDDEN},
    {"GET /v1/models/m/loss?wait=0.01 HTTP/1.1", "Content-Length: @", HIDDEN},
    {"HEAD /v1/models/m HTTP/1.1", "Content-Length: @", HIDDEN},
    {"OPTIONS /v1/models HTTP/1.1", "Content-Length: @", HIDDEN},
    {"PUT /v1/models/m HTTP/1.1", "Content-Length: @", HIDDEN},
    {"BREW /v1/models/m HTTP/1.1", "Content-Length: @", HIDDEN},
    {"DELETE /v1/models/none HTTP/1.1", "Content-Length: @", HIDDEN},
    {"CONNECT localhost:80 HTTP/1.1", "Content-Length: @", HIDDEN},
    {"GET /health/live HTTP/1.1",
     "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
     "Content-Length: @",
     HIDDEN},
};

/* With @ replaced; the caller frees. */
static char *write_attack(const struct attack *attack) {
    char *text;
    size_t bytes;
    FILE *file = open_memstream(&text, &bytes);
    fprintf(file, "%s\r\nHost: localhost\r\n", attack->start);
    for (const char *at = attack->fields; *at != '\0'; at++) {
        if (*at == '@') {
            fprintf(file, "%zu", strlen(attack->body));
        } else {
            fputc(*at, file);
        }
    }
    fprintf(file, "\r\n\r\n%s", attack->body);
    fclose(file);
    return text;
}

/* Send it and read what comes until the other side closes, or is quiet: then close our
 * half, and read on. */
static void send_and_drain(const char *text, char *answers, size_t bytes) {
    const int connection = raw_connect();
    size_t used = 0;
    bool closed = false;
    raw_send(connection, text, strlen(text));
    for (;;) {
        struct pollfd readable = {.fd = connection, .events = POLLIN};
        if (poll(&readable, 1, closed ? (int)(DEADLINE_SECONDS * 1000) : QUIET_MS) == 0) {
            ck_assert_msg(!closed, "the connection stays open after its client's end: %s", answers);
            shutdown(connection, SHUT_WR);
            closed = true;
            continue;
        }
        char chunk[1024];
        const ssize_t got = recv(connection, chunk, sizeof chunk, 0);
        if (got <= 0) {
            break;
        }
        const size_t kept = (size_t)got < bytes - 1 - used ? (size_t)got : bytes - 1 - used;
        memcpy(answers + used, chunk, kept);
        used += kept;
    }
    answers[used] = '\0';
    close(connection);
}

static void begin_with_canary(void) {
    create("{'name': 'canary', 'inputs': 1, 'layers': [2]}");
    create("{'name': 'm', 'inputs': 1, 'layers': [2]}");
}

/* Detects what it is to detect: here the DELETE is nobody's body. */
START_TEST(test_request_behind_another_is_served) {
    char answers[4096];
    begin_with_canary();
    send_and_drain("GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n" HIDDEN, answers,
                   sizeof answers);
    want_status(get("/v1/models/canary"), 404);
    ck_assert_msg(strstr(answers, " 204 ") != NULL, "found %s; wanted 204 for the second", answers);
}
END_TEST

START_TEST(test_hidden_request_is_never_served) {
    char answers[4096];
    begin_with_canary();
    char *text = write_attack(&attacks[_i]);
    send_and_drain(text, answers, sizeof answers);
    /* Nor is anything left that would spoil the calls of others. */
    for (int i = 0; i < OTHERS; i++) {
        const struct answer *answer = get("/v1/models/canary");
        ck_assert_msg(answer->status == 200 && strcmp(text_at(answer, "/name"), "canary") == 0,
                      "call %d after the attack found %ld: %s%s\nattack:\n%s\nanswers:\n%s", i + 1,
                      answer->status, answer->body, answer->reason, text, answers);
        want_status(get("/health/live"), 200);
        answers_free(); /* and the connection */
    }
    ck_assert_msg(strstr(answers, " 204 ") == NULL || strncmp(text, "OPTIONS", 7) == 0,
                  "found an answer to the hidden request:\n%s\nattack:\n%s", answers, text);
    free(text);
}
END_TEST

Suite *smuggling_suite(void) {
    Suite *suite = suite_create("smuggling");
    TCase *tests = shared_case(suite, "smuggling");
    tcase_add_test(tests, test_request_behind_another_is_served);
    tcase_add_loop_test(tests, test_hidden_request_is_never_served, 0, COUNT(attacks));
    return suite;
}
