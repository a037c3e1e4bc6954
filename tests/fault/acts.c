/* See acts.h. */
#include "tests/fault/acts.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/engine/clock.h"
#include "tests/fault/bodies.h"
#include "tests/fault/tally.h"

static size_t some_rows(struct client *client) {
    return client_random(client, 8) == 0
               ? 1 + client_random(client, client->settings->rows_max)
               : 1 + client_random(client, client->settings->rows_max / 16);
}

/* A wait, in half of the cases: its header, and how long. */
static double some_wait(struct client *client, char headers[64]) {
    const double wait = 0.25 * client_random(client, 9);
    headers[0] = '\0';
    if (wait > 0 && client_random(client, 2) == 0) {
        snprintf(headers, 64, "Prefer: wait=%.2f\r\n", wait);
        return wait;
    }
    return 0;
}

static void post_batch(struct client *client, unsigned name, char *target) {
    char headers[64];
    const double wait = some_wait(client, headers);
    sprintf(target, "/v1/models/m-%u/batches", name);
    client_call(client, "POST", target, headers,
                body_write_rows(client, name, some_rows(client), true, 0),
                (struct patience){wait, false});
}

static void predict(struct client *client, unsigned name, char *target) {
    char headers[64];
    const double wait = some_wait(client, headers);
    const uint64_t min_step = client_random(client, 2) == 0 ? client_random(client, 200) : 0;
    sprintf(target, "/v1/models/m-%u/predictions", name);
    client_call(client, "POST", target, headers,
                body_write_rows(client, name, some_rows(client), false, min_step),
                (struct patience){wait, true});
}

static void evaluate(struct client *client, unsigned name, char *target) {
    sprintf(target, "/v1/models/m-%u/evaluations", name);
    client_call(client, "POST", target, "",
                body_write_rows(client, name, some_rows(client), true, 0), no_wait);
}

static void poll_loss(struct client *client, unsigned name, char *target) {
    const double wait = 0.25 * client_random(client, 9);
    sprintf(target, "/v1/models/m-%u/loss?after=%u&wait=%.2f", name, client_random(client, 400),
            wait);
    client_call(client, "GET", target, "", 0, (struct patience){wait, false});
}

static void describe(struct client *client, unsigned name, char *target) {
    char headers[64];
    double wait = some_wait(client, headers);
    sprintf(target, "/v1/models/m-%u", name);
    if (wait > 0) {
        sprintf(target + strlen(target), "?wait_step=%u", 1 + client_random(client, 300));
    }
    if (client_random(client, 2) == 0) {
        sprintf(target + strlen(target), "%cweights_sha256=true", wait > 0 ? '&' : '?');
    }
    client_call(client, "GET", target, headers, 0, (struct patience){wait, true});
}

static void cancel(struct client *client, unsigned name, char *target) {
    sprintf(target, "/v1/models/m-%u/batches", name);
    if (client_random(client, 2) == 0) {
        sprintf(target + strlen(target), "/%u", client_random(client, 400));
    }
    client_call(client, "DELETE", target, "", 0, no_wait);
}

static void change(struct client *client, unsigned name, char *target) {
    sprintf(target, "/v1/models/m-%u", name);
    snprintf(client->body, BODY_BYTES, "{'optimizer':{'learning_rate':0.00%u%s}}",
             1 + client_random(client, 9),
             name % KINDS != KIND_WITH_MOMENTUM ? ""
             : client_random(client, 2) == 0    ? ",'momentum':0.9"
                                                : ",'momentum':0");
    client_call(client, "PATCH", target, "", body_quote(client->body), no_wait);
}

static void reset(struct client *client, unsigned name, char *target) {
    sprintf(target, "/v1/models/m-%u/reset", name);
    snprintf(client->body, BODY_BYTES, "{'seed':%u}", client_random(client, 1000));
    client_call(client, "POST", target, "", body_quote(client->body), no_wait);
}

/* Under a name of the same kind. */
static void clone_model(struct client *client, unsigned name, char *target) {
    sprintf(target, "/v1/models/m-%u/clone", name);
    snprintf(client->body, BODY_BYTES, "{'name':'m-%zu'}",
             (name % KINDS + KINDS * client_random(client, NAMES / KINDS)));
    client_call(client, "POST", target, "", body_quote(client->body), no_wait);
}

void act_create(struct client *client, unsigned name, char *target) {
    sprintf(target, "/v1/models");
    client_call(client, "POST", target, "", body_write_model(client, name), no_wait);
}

void act_delete(struct client *client, unsigned name, char *target) {
    sprintf(target, "/v1/models/m-%u", name);
    client_call(client, "DELETE", target, "", 0, no_wait);
}

static void look(struct client *client, unsigned name, char *target) {
    (void)name;
    sprintf(target, client_random(client, 2) == 0 ? "/v1/server" : "/v1/models?limit=100");
    client_call(client, "GET", target, "", 0, no_wait);
}

/* Gone in the middle of a body, or of a wait, with a word or without. */
static void vanish(struct client *client, unsigned name, char *target) {
    static const char *const calls_that_wait[] = {"batches", "predictions", "evaluations"};
    const unsigned which = client_random(client, 3);
    const size_t bytes =
        body_write_rows(client, name, some_rows(client), which != 1, which == 1 ? 100000 : 0);
    const size_t sent =
        client_random(client, 2) == 0 ? bytes : client_random(client, (uint32_t)bytes);
    sprintf(target, "/v1/models/m-%u/%s", name, calls_that_wait[which]);
    client_disconnect(client, false);
    (void)client_begin_call(client, "POST", target, "Prefer: wait=2\r\n", bytes, sent);
    if (client_random(client, 2) == 0) {
        const struct timespec pause = {.tv_nsec = (long)client_random(client, 50000000)};
        nanosleep(&pause, NULL);
    }
    client_disconnect(client, client_random(client, 2) == 0);
    tally_torn();
}

/* A stream begins in time, goes on for a bit and is torn off. */
static void stream(struct client *client, unsigned name, char *target) {
    char headers[128] = "Accept: text/event-stream\r\n";
    sprintf(target, "/v1/models/m-%u/loss", name);
    if (client_random(client, 2) == 0) {
        sprintf(headers + strlen(headers), "Last-Event-ID: %u\r\n", client_random(client, 400));
    }
    client_disconnect(client, false);
    const double start = clock_monotonic_seconds();
    const int status = client_begin_call(client, "GET", target, headers, 0, 0)
                           ? client_read_head(client, start + PLAIN_DEADLINE_SECONDS +
                                                          client->settings->lateness_seconds)
                           : 0;
    tally_call();
    tally_lateness(clock_monotonic_seconds() - start - PLAIN_DEADLINE_SECONDS);
    if (status <= 0 || status >= STATUSES) {
        fail("the stream %s: %s", target, status < 0 ? "late" : "closed without an answer");
    } else {
        tally_status(status);
        if (!status_is_expected(status)) {
            fail("the stream %s: %d", target, status);
        }
    }
    if (status == 200 && client_random(client, 4) > 0) {
        client_read_for(client, 0.001 * client_random(client, 400));
    }
    client_disconnect(client, client_random(client, 2) == 0);
    tally_torn();
}

static const struct {
    void (*act)(struct client *client, unsigned name, char *target);
    unsigned share;
} acts[] = {
    {post_batch, 30}, {predict, 22}, {evaluate, 4}, {poll_loss, 8},   {describe, 8},
    {cancel, 4},      {change, 3},   {reset, 2},    {clone_model, 3}, {act_create, 6},
    {act_delete, 2},  {look, 3},     {vanish, 8},   {stream, 10},
};
#define ACTS (sizeof acts / sizeof *acts)

void act_at_random(struct client *client) {
    char target[TARGET_BYTES];
    unsigned shares = 0;
    for (size_t a = 0; a < ACTS; a++) {
        shares += acts[a].share;
    }
    unsigned pick = client_random(client, shares);
    size_t a = 0;
    while (pick >= acts[a].share) {
        pick -= acts[a++].share;
    }
    acts[a].act(client, client_random(client, NAMES), target);
}
