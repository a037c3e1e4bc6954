/* Stress: a live daemon under 64 connections that do whatever is allowed, and some of
 * what is rude, in no order at all.
 *
 *   stress PROGRAM [SECONDS [LATENESS [ROWS]]]        make stress SECONDS=60
 *
 * Each connection is a thread with a random sequence of its own: batches with and
 * without waiting, predictions that wait for a step, long polls, streams of events that are
 * torn off, evaluations, hashes,
 * cancelling, models made, cloned, reset, changed and deleted, sockets closed in the
 * middle of bodies and of waits.
 *
 * Wanted: no answer later than its deadline and LATENESS seconds (default 1), only
 * statuses that the call may have, at the end all memory given back but for scratch
 * that stays, nothing queued; after SIGTERM, with nobody left and then again under
 * load, the exit status 0 within a minute.  A
 * watchdog ends everything that hangs.  An instrumented daemon wants more LATENESS and
 * bodies of fewer ROWS (512 at most otherwise): 4 and 32 for ThreadSanitizer. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS 64
#define NAMES 24
#define BODY_BYTES 262144
#define ANSWER_BYTES 1048576
#define PLAIN_DEADLINE_SECONDS 10.0 /* of a call that asks for no wait */
#define WATCHDOG_SECONDS 150        /* beyond the time asked for */
#define SETTLE_SECONDS 30
#define ENDINGS 3 /* under load */
#define ENDING_SECONDS 2.0
#define MEMORY_SLACK_BYTES 262144

static pid_t daemon_process;
static unsigned port;
static double lateness_seconds = 1;
static uint32_t rows_max = 512; /* of a body; at least 16 */
static atomic_bool over;
static atomic_bool ending; /* the daemon may refuse and close whatever it likes */

static atomic_uint_fast64_t calls, torn, failures;
static atomic_uint_fast64_t statuses[600];
static _Atomic double latest_seconds = 0; /* beyond a deadline, of all answers */

static double now_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void fail(const char *format, ...) {
    va_list arguments;
    if (!atomic_load(&ending) && atomic_fetch_add(&failures, 1) < 20) {
        char line[1024];
        va_start(arguments, format);
        vsnprintf(line, sizeof line, format, arguments);
        va_end(arguments);
        fprintf(stderr, "stress: %s\n", line);
    }
}

/* --- a connection ------------------------------------------------------------------- */

struct client {
    pthread_t thread;
    uint64_t random;
    int connection; /* -1: none */
    char *body;     /* [BODY_BYTES] */
    char *answer;   /* [ANSWER_BYTES] */
    size_t answer_bytes;
};

static uint32_t next_random(struct client *client, uint32_t below) {
    client->random = client->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(client->random >> 33) % below;
}

static void disconnect(struct client *client, bool reset) {
    if (client->connection >= 0) {
        const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
        if (reset) {
            setsockopt(client->connection, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        }
        close(client->connection);
        client->connection = -1;
    }
}

static bool connected(struct client *client) {
    if (client->connection < 0) {
        const struct sockaddr_in address = {.sin_family = AF_INET,
                                            .sin_port = htons((uint16_t)port),
                                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        client->connection = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(client->connection, (const struct sockaddr *)&address, sizeof address) != 0) {
            const struct timespec pause = {.tv_nsec = 10000000};
            fail("no connection: %s", strerror(errno));
            disconnect(client, false);
            nanosleep(&pause, NULL);
        }
    }
    return client->connection >= 0;
}

static bool send_all(struct client *client, const char *bytes, size_t size) {
    while (size > 0) {
        const ssize_t sent = send(client->connection, bytes, size, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        bytes += sent;
        size -= (size_t)sent;
    }
    return true;
}

/* Is the answer in the buffer whole?  Its status then, or 0. */
static int whole_status(struct client *client) {
    char *answer = client->answer;
    answer[client->answer_bytes] = '\0';
    const char *end = strstr(answer, "\r\n\r\n");
    if (end == NULL) {
        return 0;
    }
    const size_t head = (size_t)(end + 4 - answer);
    const int status = (int)strtol(answer + 9, NULL, 10);
    const char *length = strcasestr(answer, "\r\ncontent-length:");
    if (length != NULL && length < end) {
        const size_t body = strtoul(length + 17, NULL, 10);
        return client->answer_bytes >= head + body ? status : 0;
    }
    const char *chunked = strcasestr(answer, "\r\ntransfer-encoding: chunked");
    if (chunked != NULL && chunked < end) {
        const bool last = client->answer_bytes >= head + 5 &&
                          memcmp(answer + client->answer_bytes - 5, "0\r\n\r\n", 5) == 0;
        return last ? status : 0;
    }
    return status;
}

/* The status; 0 when the other side closed, -1 when it was late. */
static int read_answer(struct client *client, double until) {
    client->answer_bytes = 0;
    for (;;) {
        const double left = until - now_seconds();
        struct pollfd socket = {.fd = client->connection, .events = POLLIN};
        if (left <= 0 || poll(&socket, 1, (int)(left * 1000) + 1) == 0) {
            return -1;
        }
        const ssize_t got = recv(client->connection, client->answer + client->answer_bytes,
                                 ANSWER_BYTES - 1 - client->answer_bytes, 0);
        if (got <= 0) {
            return 0;
        }
        client->answer_bytes += (size_t)got;
        const int status = whole_status(client);
        if (status != 0) {
            return status;
        }
    }
}

/* Begin a call: its head, and so much of its body. */
static bool begin_call(struct client *client, const char *method, const char *target,
                       const char *headers, size_t body_bytes, size_t bytes_sent) {
    char head[1024];
    const int length = snprintf(head, sizeof head,
                                "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n"
                                "Content-Type: application/json\r\n%s\r\n",
                                method, target, body_bytes, headers);
    return connected(client) && send_all(client, head, (size_t)length) &&
           send_all(client, client->body, bytes_sent);
}

static void note_lateness(double seconds) {
    double known = atomic_load(&latest_seconds);
    while (seconds > known && !atomic_compare_exchange_weak(&latest_seconds, &known, seconds)) {
    }
}

/* Any of these may be; the rest is a failure. */
static bool is_expected(int status) {
    static const int expected[] = {200, 201, 202, 204, 404, 409, 410, 422, 429, 504, 507};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        if (status == expected[i]) {
            return true;
        }
    }
    return false;
}

/* What a call asks the daemon to wait at most, and whether there is something to be
 * computed after the wait: then only the 504 that says that it was in vain has the wait
 * for its deadline. */
struct patience {
    double wait;
    bool then_works;
};

/* A whole call with client->body. */
static int call(struct client *client, const char *method, const char *target, const char *headers,
                size_t body_bytes, struct patience patience) {
    const bool works = patience.then_works || patience.wait <= 0;
    const double deadline = patience.wait + (works ? PLAIN_DEADLINE_SECONDS : 0);
    int status = 0;
    double start = now_seconds();
    /* A connection that the daemon closed between two calls is opened again, once. */
    for (int attempt = 0; attempt < 2 && status == 0; attempt++) {
        const bool reused = client->connection >= 0;
        start = now_seconds();
        status = begin_call(client, method, target, headers, body_bytes, body_bytes)
                     ? read_answer(client, start + deadline + lateness_seconds)
                     : 0;
        if (status == 0) {
            disconnect(client, false);
            if (!reused) {
                break;
            }
        }
    }
    atomic_fetch_add(&calls, 1);
    const double late = now_seconds() - start - (status == 504 ? patience.wait : deadline);
    note_lateness(late);
    if (status == 504 && late > lateness_seconds) {
        fail("%s %s: 504 came %.2f s after the wait of %.2f s", method, target, late,
             patience.wait);
    }
    if (status > 0 && status < 600) {
        atomic_fetch_add(&statuses[status], 1);
    }
    if (status == -1) {
        fail("%s %s: no answer %.2f s after its deadline of %.2f s", method, target,
             lateness_seconds, deadline);
        disconnect(client, true);
    } else if (status == 0) {
        fail("%s %s: closed without an answer", method, target);
    } else if (!is_expected(status)) {
        fail("%s %s: %d %.300s", method, target, status, strstr(client->answer, "\r\n\r\n") + 4);
    }
    if (status > 0 && strcasestr(client->answer, "\r\nconnection: close") != NULL) {
        disconnect(client, false);
    }
    return status;
}

/* The number after "key": in the last answer, or -1. */
static double number_of(const struct client *client, const char *key) {
    char pattern[64];
    snprintf(pattern, sizeof pattern, "\"%s\":", key);
    const char *found = strstr(client->answer, pattern);
    return found != NULL ? strtod(found + strlen(pattern), NULL) : -1;
}

static const struct patience no_wait = {0, false};

/* --- bodies -------------------------------------------------------------------------- */

/* Model n: inputs and classes follow from its name, so that any thread can post to it. */
static const struct {
    size_t inputs, classes;
    const char *rest;
} kinds[] = {
    {4, 3, "'layers':[{'units':8},{'units':3}]"},
    {16, 5, "'layers':[{'units':64,'dropout':0.2},{'units':5}],'standardize':true"},
    {32, 4, "'layers':[{'units':400},{'units':400},{'units':4}]"},
    {8, 2, "'layers':[{'units':16},{'units':2}],'optimizer':{'name':'sgd','momentum':0.9}"},
};
#define KINDS (sizeof kinds / sizeof *kinds)

static size_t quote(char *text) {
    for (char *c = text; *c != '\0'; c++) {
        *c = (char)(*c == '\'' ? '"' : *c);
    }
    return strlen(text);
}

static size_t write_model(struct client *client, unsigned name) {
    snprintf(client->body, BODY_BYTES, "{'name':'m-%u','inputs':%zu,'seed':%u,%s}", name,
             kinds[name % KINDS].inputs, name, kinds[name % KINDS].rest);
    return quote(client->body);
}

static size_t write_rows(struct client *client, unsigned name, size_t rows, bool labels,
                         uint64_t min_step) {
    char *at = client->body;
    at += sprintf(at, "{\"inputs\":[");
    for (size_t r = 0; r < rows; r++) {
        at += sprintf(at, "%s[", r > 0 ? "," : "");
        for (size_t i = 0; i < kinds[name % KINDS].inputs; i++) {
            at += sprintf(at, "%s%.3f", i > 0 ? "," : "", next_random(client, 2000) * 1e-3 - 1);
        }
        at += sprintf(at, "]");
    }
    at += sprintf(at, "]");
    if (labels) {
        at += sprintf(at, ",\"labels\":[");
        for (size_t r = 0; r < rows; r++) {
            at += sprintf(at, "%s%u", r > 0 ? "," : "",
                          next_random(client, (uint32_t)kinds[name % KINDS].classes));
        }
        at += sprintf(at, "]");
    }
    if (min_step > 0) {
        at += sprintf(at, ",\"min_step\":%" PRIu64, min_step);
    }
    at += sprintf(at, "}");
    return (size_t)(at - client->body);
}

/* --- what clients do -------------------------------------------------------------------- */

static size_t some_rows(struct client *client) {
    return next_random(client, 8) == 0 ? 1 + next_random(client, rows_max)
                                       : 1 + next_random(client, rows_max / 16);
}

/* A wait, in half of the cases: its header, and how long. */
static double some_wait(struct client *client, char headers[64]) {
    const double wait = 0.25 * next_random(client, 9);
    headers[0] = '\0';
    if (wait > 0 && next_random(client, 2) == 0) {
        snprintf(headers, 64, "Prefer: wait=%.2f\r\n", wait);
        return wait;
    }
    return 0;
}

static void post_batch(struct client *client, unsigned name, char *target) {
    char headers[64];
    const double wait = some_wait(client, headers);
    sprintf(target, "/v1/models/m-%u/batches", name);
    call(client, "POST", target, headers, write_rows(client, name, some_rows(client), true, 0),
         (struct patience){wait, false});
}

static void predict(struct client *client, unsigned name, char *target) {
    char headers[64];
    const double wait = some_wait(client, headers);
    const uint64_t min_step = next_random(client, 2) == 0 ? next_random(client, 200) : 0;
    sprintf(target, "/v1/models/m-%u/predictions", name);
    call(client, "POST", target, headers,
         write_rows(client, name, some_rows(client), false, min_step),
         (struct patience){wait, true});
}

static void evaluate(struct client *client, unsigned name, char *target) {
    sprintf(target, "/v1/models/m-%u/evaluations", name);
    call(client, "POST", target, "", write_rows(client, name, some_rows(client), true, 0), no_wait);
}

static void poll_loss(struct client *client, unsigned name, char *target) {
    const double wait = 0.25 * next_random(client, 9);
    sprintf(target, "/v1/models/m-%u/loss?after=%u&wait=%.2f", name, next_random(client, 400),
            wait);
    call(client, "GET", target, "", 0, (struct patience){wait, false});
}

static void describe(struct client *client, unsigned name, char *target) {
    char headers[64];
    double wait = some_wait(client, headers);
    sprintf(target, "/v1/models/m-%u", name);
    if (wait > 0) {
        sprintf(target + strlen(target), "?wait_step=%u", 1 + next_random(client, 300));
    }
    if (next_random(client, 2) == 0) {
        sprintf(target + strlen(target), "%cweights_sha256=true", wait > 0 ? '&' : '?');
    }
    call(client, "GET", target, headers, 0, (struct patience){wait, true});
}

static void cancel(struct client *client, unsigned name, char *target) {
    sprintf(target, "/v1/models/m-%u/batches", name);
    if (next_random(client, 2) == 0) {
        sprintf(target + strlen(target), "/%u", next_random(client, 400));
    }
    call(client, "DELETE", target, "", 0, no_wait);
}

static void change(struct client *client, unsigned name, char *target) {
    sprintf(target, "/v1/models/m-%u", name);
    snprintf(client->body, BODY_BYTES, "{'optimizer':{'learning_rate':0.00%u%s}}",
             1 + next_random(client, 9),
             name % KINDS != 3             ? ""
             : next_random(client, 2) == 0 ? ",'momentum':0.9"
                                           : ",'momentum':0");
    call(client, "PATCH", target, "", quote(client->body), no_wait);
}

static void reset(struct client *client, unsigned name, char *target) {
    sprintf(target, "/v1/models/m-%u/reset", name);
    snprintf(client->body, BODY_BYTES, "{'seed':%u}", next_random(client, 1000));
    call(client, "POST", target, "", quote(client->body), no_wait);
}

/* Under a name of the same kind. */
static void clone_model(struct client *client, unsigned name, char *target) {
    sprintf(target, "/v1/models/m-%u/clone", name);
    snprintf(client->body, BODY_BYTES, "{'name':'m-%zu'}",
             (name % KINDS + KINDS * next_random(client, NAMES / KINDS)));
    call(client, "POST", target, "", quote(client->body), no_wait);
}

static void create(struct client *client, unsigned name, char *target) {
    sprintf(target, "/v1/models");
    call(client, "POST", target, "", write_model(client, name), no_wait);
}

static void delete_model(struct client *client, unsigned name, char *target) {
    sprintf(target, "/v1/models/m-%u", name);
    call(client, "DELETE", target, "", 0, no_wait);
}

static void look(struct client *client, unsigned name, char *target) {
    (void)name;
    sprintf(target, next_random(client, 2) == 0 ? "/v1/server" : "/v1/models?limit=100");
    call(client, "GET", target, "", 0, no_wait);
}

/* Gone in the middle of a body, or of a wait, with a word or without. */
static void vanish(struct client *client, unsigned name, char *target) {
    static const char *const calls_that_wait[] = {"batches", "predictions", "evaluations"};
    const unsigned which = next_random(client, 3);
    const size_t bytes =
        write_rows(client, name, some_rows(client), which != 1, which == 1 ? 100000 : 0);
    const size_t sent = next_random(client, 2) == 0 ? bytes : next_random(client, (uint32_t)bytes);
    sprintf(target, "/v1/models/m-%u/%s", name, calls_that_wait[which]);
    disconnect(client, false);
    (void)begin_call(client, "POST", target, "Prefer: wait=2\r\n", bytes, sent);
    if (next_random(client, 2) == 0) {
        const struct timespec pause = {.tv_nsec = (long)next_random(client, 50000000)};
        nanosleep(&pause, NULL);
    }
    disconnect(client, next_random(client, 2) == 0);
    atomic_fetch_add(&torn, 1);
}

/* The status once the head is there; 0 when the other side closed, -1 when it is late. */
static int read_head(struct client *client, double until) {
    client->answer_bytes = 0;
    client->answer[0] = '\0';
    while (strstr(client->answer, "\r\n\r\n") == NULL) {
        const double left = until - now_seconds();
        struct pollfd socket = {.fd = client->connection, .events = POLLIN};
        if (left <= 0 || poll(&socket, 1, (int)(left * 1000) + 1) == 0) {
            return -1;
        }
        const ssize_t got = recv(client->connection, client->answer + client->answer_bytes, 256, 0);
        if (got <= 0 || client->answer_bytes + 512 > ANSWER_BYTES) {
            return 0;
        }
        client->answer_bytes += (size_t)got;
        client->answer[client->answer_bytes] = '\0';
    }
    return (int)strtol(client->answer + 9, NULL, 10);
}

/* Read what comes for a while, or nothing of it. */
static void read_for(struct client *client, double seconds) {
    const double until = now_seconds() + seconds;
    for (double left = seconds; left > 0; left = until - now_seconds()) {
        struct pollfd socket = {.fd = client->connection, .events = POLLIN};
        if (poll(&socket, 1, (int)(left * 1000) + 1) > 0 &&
            recv(client->connection, client->answer, ANSWER_BYTES, 0) <= 0) {
            return; /* the model was deleted */
        }
    }
}

/* A stream begins in time, goes on for a bit and is torn off. */
static void stream(struct client *client, unsigned name, char *target) {
    char headers[128] = "Accept: text/event-stream\r\n";
    sprintf(target, "/v1/models/m-%u/loss", name);
    if (next_random(client, 2) == 0) {
        sprintf(headers + strlen(headers), "Last-Event-ID: %u\r\n", next_random(client, 400));
    }
    disconnect(client, false);
    const double start = now_seconds();
    const int status = begin_call(client, "GET", target, headers, 0, 0)
                           ? read_head(client, start + PLAIN_DEADLINE_SECONDS + lateness_seconds)
                           : 0;
    atomic_fetch_add(&calls, 1);
    note_lateness(now_seconds() - start - PLAIN_DEADLINE_SECONDS);
    if (status <= 0 || status >= 600) {
        fail("the stream %s: %s", target, status < 0 ? "late" : "closed without an answer");
    } else {
        atomic_fetch_add(&statuses[status], 1);
        if (!is_expected(status)) {
            fail("the stream %s: %d", target, status);
        }
    }
    if (status == 200 && next_random(client, 4) > 0) {
        read_for(client, 0.001 * next_random(client, 400));
    }
    disconnect(client, next_random(client, 2) == 0);
    atomic_fetch_add(&torn, 1);
}

static const struct {
    void (*act)(struct client *client, unsigned name, char *target);
    unsigned share;
} acts[] = {
    {post_batch, 30},  {predict, 22}, {evaluate, 4}, {poll_loss, 8},   {describe, 8},
    {cancel, 4},       {change, 3},   {reset, 2},    {clone_model, 3}, {create, 6},
    {delete_model, 2}, {look, 3},     {vanish, 8},   {stream, 10},
};
#define ACTS (sizeof acts / sizeof *acts)

static void *act_at_random(void *context) {
    struct client *client = context;
    unsigned shares = 0;
    for (size_t a = 0; a < ACTS; a++) {
        shares += acts[a].share;
    }
    while (!atomic_load(&over)) {
        char target[128];
        unsigned pick = next_random(client, shares);
        size_t a = 0;
        while (pick >= acts[a].share) {
            pick -= acts[a++].share;
        }
        acts[a].act(client, next_random(client, NAMES), target);
    }
    return NULL;
}

static void client_init(struct client *client, uint64_t seed) {
    *client = (struct client){.random = seed * 0x9E3779B97F4A7C15u, .connection = -1};
    client->body = malloc(BODY_BYTES);
    client->answer = malloc(ANSWER_BYTES);
}

static void client_free(struct client *client) {
    disconnect(client, false);
    free(client->body);
    free(client->answer);
}

/* --- the daemon ------------------------------------------------------------------------- */

static char port_file[64];

static void start_daemon(const char *program) {
    snprintf(port_file, sizeof port_file, "/tmp/mlpd-stress-XXXXXX");
    const int file = mkstemp(port_file);
    const pid_t parent = getpid();
    close(file);
    unlink(port_file);
    port = 0;
    daemon_process = fork();
    if (daemon_process == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent) {
            execl(program, program, "--listen", "127.0.0.1:0", "--port-file", port_file,
                  "--workers", "3", "--http-threads", "2", "--max-queue", "100", "--max-memory",
                  "512M", "--log-level", "warning", (char *)NULL);
        }
        _exit(127);
    }
    for (const double until = now_seconds() + 60; port == 0 && now_seconds() < until;) {
        const struct timespec pause = {.tv_nsec = 10000000};
        FILE *written = fopen(port_file, "r");
        if (written != NULL) {
            if (fscanf(written, "%u", &port) != 1) {
                port = 0;
            }
            fclose(written);
        }
        nanosleep(&pause, NULL);
    }
    if (port == 0) {
        fprintf(stderr, "stress: %s does not answer\n", program);
        exit(EXIT_FAILURE);
    }
}

/* Every kind of model and the largest of each request, so that what scratch there will
 * be is reserved. */
static void warm_up(struct client *client) {
    char target[128];
    for (unsigned name = 0; name < KINDS; name++) {
        create(client, name, target);
        sprintf(target, "/v1/models/m-%u/batches", name);
        call(client, "POST", target, "Prefer: wait=30\r\n",
             write_rows(client, name, rows_max, true, 0), (struct patience){30, false});
    }
}

static void delete_all(struct client *client) {
    char target[128];
    for (unsigned name = 0; name < NAMES; name++) {
        delete_model(client, name, target);
    }
}

/* Wait until nothing is left but scratch. */
static double settled_memory(struct client *client, double wanted) {
    double bytes = -1;
    const double until = now_seconds() + SETTLE_SECONDS;
    while (now_seconds() < until) {
        const struct timespec pause = {.tv_nsec = 100000000};
        call(client, "GET", "/v1/server", "", 0, no_wait);
        bytes = number_of(client, "memory_bytes");
        if (bytes >= 0 && bytes <= wanted && number_of(client, "models") == 0 &&
            number_of(client, "queue_depth") == 0) {
            return bytes;
        }
        delete_all(client); /* what was being made when all were deleted */
        nanosleep(&pause, NULL);
    }
    fail("after %d s there are %.0f models, %.0f entries, %.0f bytes; %.0f bytes are wanted",
         SETTLE_SECONDS, number_of(client, "models"), number_of(client, "queue_depth"), bytes,
         wanted);
    return bytes;
}

/* With no models: what is left when workers have let go of the last one. */
static double memory_of_nothing(struct client *client) {
    double least = settled_memory(client, 1e12);
    for (int i = 0; i < 10; i++) {
        const double bytes = settled_memory(client, 1e12);
        const struct timespec pause = {.tv_nsec = 100000000};
        least = bytes < least ? bytes : least;
        nanosleep(&pause, NULL);
    }
    return least;
}

/* SIGTERM; writes how it ended, if not well. */
static void stop_daemon(char *what, size_t bytes) {
    int how = 0;
    pid_t ended = 0;
    kill(daemon_process, SIGTERM);
    for (const double until = now_seconds() + 60; ended == 0 && now_seconds() < until;) {
        const struct timespec pause = {.tv_nsec = 20000000};
        ended = waitpid(daemon_process, &how, WNOHANG);
        nanosleep(&pause, NULL);
    }
    what[0] = '\0';
    if (ended == 0) {
        snprintf(what, bytes, "not ended a minute after SIGTERM");
        kill(daemon_process, SIGABRT);
        waitpid(daemon_process, &how, 0);
    } else if (!WIFEXITED(how) || WEXITSTATUS(how) != 0) {
        snprintf(what, bytes, "ended with %s %d after SIGTERM",
                 WIFEXITED(how) ? "status" : "signal",
                 WIFEXITED(how) ? WEXITSTATUS(how) : WTERMSIG(how));
    }
    unlink(port_file);
}

static void bark(int signal) {
    (void)signal;
    static const char words[] = "stress: the watchdog's time is over\n";
    (void)!write(STDERR_FILENO, words, sizeof words - 1);
    kill(daemon_process, SIGABRT);
    _exit(EXIT_FAILURE);
}

static void print_sum(double seconds, double before, double after) {
    printf("stress: %.0f s, %d connections, %llu calls, %llu torn, latest answer %+.3f s from its "
           "deadline, memory %.0f → %.0f bytes\nstress: statuses",
           seconds, CONNECTIONS, (unsigned long long)atomic_load(&calls),
           (unsigned long long)atomic_load(&torn), atomic_load(&latest_seconds), before, after);
    for (int status = 0; status < 600; status++) {
        if (atomic_load(&statuses[status]) > 0) {
            printf(" %d:%llu", status, (unsigned long long)atomic_load(&statuses[status]));
        }
    }
    printf("\n");
}

static struct client clients[CONNECTIONS];

static void start_clients(void) {
    atomic_store(&over, false);
    for (size_t c = 0; c < CONNECTIONS; c++) {
        client_init(&clients[c], c + 1);
        pthread_create(&clients[c].thread, NULL, act_at_random, &clients[c]);
    }
}

static void end_clients(void) {
    atomic_store(&over, true);
    for (size_t c = 0; c < CONNECTIONS; c++) {
        pthread_join(clients[c].thread, NULL);
        client_free(&clients[c]);
    }
}

static void wait_while_it_runs(double seconds) {
    for (const double until = now_seconds() + seconds; now_seconds() < until;) {
        const struct timespec pause = {.tv_nsec = 100000000};
        int how;
        nanosleep(&pause, NULL);
        if (waitpid(daemon_process, &how, WNOHANG) == daemon_process) {
            fprintf(stderr, "stress: the daemon ended by %s %d\n",
                    WIFEXITED(how) ? "status" : "signal",
                    WIFEXITED(how) ? WEXITSTATUS(how) : WTERMSIG(how));
            exit(EXIT_FAILURE);
        }
    }
}

/* For so long, then with nobody left: everything given back, a quiet end. */
static void stress_and_settle(const char *program, double seconds) {
    static struct client chief;
    char what[128];
    start_daemon(program);
    client_init(&chief, 1000);
    warm_up(&chief);
    delete_all(&chief);
    const double before = memory_of_nothing(&chief);
    start_clients();
    wait_while_it_runs(seconds);
    end_clients();
    delete_all(&chief);
    const double after = settled_memory(&chief, before + MEMORY_SLACK_BYTES);
    client_free(&chief);
    stop_daemon(what, sizeof what);
    if (what[0] != '\0') {
        fail("%s", what);
    }
    print_sum(seconds, before, after);
}

/* SIGTERM in the middle of everything: what is acknowledged is trained, and it ends. */
static void stress_and_end(const char *program) {
    char what[128];
    start_daemon(program);
    start_clients();
    wait_while_it_runs(ENDING_SECONDS);
    atomic_store(&ending, true);
    stop_daemon(what, sizeof what);
    end_clients();
    atomic_store(&ending, false);
    if (what[0] != '\0') {
        fail("under load: %s", what);
    }
}

int main(int argc, char **argv) {
    const double seconds = argc > 2 ? strtod(argv[2], NULL) : 60;
    if (argc < 2) {
        fprintf(stderr, "usage: stress PROGRAM [SECONDS [LATENESS [ROWS]]]\n");
        return EXIT_FAILURE;
    }
    lateness_seconds = argc > 3 ? strtod(argv[3], NULL) : 1;
    rows_max = argc > 4 ? (uint32_t)strtoul(argv[4], NULL, 10) : rows_max;
    signal(SIGALRM, bark);
    alarm((unsigned)seconds + WATCHDOG_SECONDS);
    atomic_store(&latest_seconds, -PLAIN_DEADLINE_SECONDS);
    stress_and_settle(argv[1], seconds);
    for (int i = 0; i < ENDINGS; i++) {
        stress_and_end(argv[1]);
    }
    printf("%d passed, %llu failed\n", atomic_load(&failures) == 0 ? 1 + ENDINGS : 0,
           (unsigned long long)atomic_load(&failures));
    return atomic_load(&failures) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
