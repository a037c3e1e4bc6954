/* A client of server-sent events; see events.h. */
#include "tests/integration/events.h"

#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/integration/client.h"
#include "tests/integration/daemon.h"
#include "tests/integration/raw.h"

enum { AT_SIZE, AT_DATA, AT_DATA_END, AT_LAST_LINE, AT_END };

static void append(struct events *events, const char *bytes, size_t count) {
    if (events->used + count + 1 > events->capacity) {
        events->capacity = 2 * (events->used + count + 1);
        events->text = realloc(events->text, events->capacity);
    }
    memcpy(events->text + events->used, bytes, count);
    events->used += count;
    events->text[events->used] = '\0';
}

/* Chunk by chunk, wherever the bytes are cut; the sizes are gathered digit by digit. */
static void take(struct events *events, const char *bytes, size_t count) {
    if (!events->chunked) {
        append(events, bytes, count);
        return;
    }
    for (size_t i = 0; i < count;) {
        const char c = bytes[i];
        if (events->chunk_place == AT_DATA) {
            const size_t some = count - i < events->chunk_left ? count - i : events->chunk_left;
            append(events, bytes + i, some);
            events->chunk_left -= some;
            events->chunk_place = events->chunk_left > 0 ? AT_DATA : AT_DATA_END;
            i += some;
            continue;
        }
        i++;
        if (events->chunk_place == AT_SIZE && c == '\n') {
            events->chunk_place = events->chunk_left > 0 ? AT_DATA : AT_LAST_LINE;
        } else if (events->chunk_place == AT_SIZE && c != '\r') {
            const char digit[] = {c, '\0'};
            events->chunk_left = events->chunk_left * 16 + strtoul(digit, NULL, 16);
        } else if (events->chunk_place == AT_DATA_END && c == '\n') {
            events->chunk_place = AT_SIZE;
        } else if (events->chunk_place == AT_LAST_LINE && c == '\n') {
            events->chunk_place = AT_END;
        }
    }
}

/* Some bytes more; false at the end, a cut or the deadline. */
static bool receive(struct events *events, char *bytes, size_t size, size_t *count) {
    struct pollfd readable = {.fd = events->connection, .events = POLLIN};
    if (poll(&readable, 1, (int)(DEADLINE_SECONDS * 1000)) == 0) {
        events->state = EVENTS_LATE;
        return false;
    }
    const ssize_t got = recv(events->connection, bytes, size, 0);
    if (got <= 0) {
        const bool whole = got == 0 && (!events->chunked || events->chunk_place == AT_END);
        events->state = whole ? EVENTS_ENDED : EVENTS_CUT;
        return false;
    }
    *count = (size_t)got;
    return true;
}

static void read_head(struct events *events) {
    size_t used = 0, count = 0;
    char *end = NULL;
    while (end == NULL && used + 1 < sizeof events->head &&
           receive(events, events->head + used, 1, &count)) {
        used += count;
        events->head[used] = '\0';
        end = strstr(events->head, "\r\n\r\n");
    }
    if (sscanf(events->head, "HTTP/1.%*d %d", &events->status) != 1) {
        events->status = 0;
    }
    events->chunked = strcasestr(events->head, "\r\nTransfer-Encoding: chunked") != NULL;
}

void events_ask(struct events *events, const char *method, const char *path, const char *version,
                const char *headers) {
    *events = (struct events){.connection = raw_connect()};
    ck_assert_msg(events->connection >= 0, "no connection");
    raw_send_text(events->connection, "%s %s %s\r\nHost: localhost\r\n%s\r\n", method, path,
                  version, headers);
    read_head(events);
}

void events_open(struct events *events, const char *path, const char *headers) {
    char all[512];
    snprintf(all, sizeof all, "Accept: text/event-stream\r\n%s", headers);
    events_ask(events, "GET", path, "HTTP/1.1", all);
}

static void take_line(struct event *event, char *line) {
    char *value = strchr(line, ':');
    if (value == line) {
        snprintf(event->comment, sizeof event->comment, "%s", line + 1);
        return;
    }
    if (value != NULL) {
        *value++ = '\0';
        value += *value == ' ';
    } else {
        value = line + strlen(line);
    }
    if (strcmp(line, "event") == 0) {
        snprintf(event->name, sizeof event->name, "%s", value);
    } else if (strcmp(line, "id") == 0) {
        event->has_id = true;
        snprintf(event->id, sizeof event->id, "%s", value);
    } else if (strcmp(line, "data") == 0) {
        snprintf(event->data, sizeof event->data, "%s", value);
    } else if (strcmp(line, "retry") == 0) {
        event->retry = strtol(value, NULL, 10);
    } else {
        ck_abort_msg("found the field '%s' in a stream of events", line);
    }
}

bool events_next(struct events *events, struct event *event) {
    char bytes[16384], *end;
    size_t count;
    while (events->used == 0 || (end = strstr(events->text, "\n\n")) == NULL) {
        if (events->state != EVENTS_GO_ON || !receive(events, bytes, sizeof bytes, &count)) {
            return false;
        }
        take(events, bytes, count);
    }
    *event = (struct event){.has_id = false};
    *end = '\0';
    for (char *line = events->text; line != NULL;) {
        char *next = strchr(line, '\n');
        if (next != NULL) {
            *next++ = '\0';
        }
        take_line(event, line);
        line = next;
    }
    const size_t taken = (size_t)(end + 2 - events->text);
    events->used -= taken;
    memmove(events->text, events->text + taken, events->used + 1);
    return true;
}

void events_close(struct events *events) {
    close(events->connection);
    free(events->text);
}

void events_reset(struct events *events) {
    raw_reset(events->connection);
    free(events->text);
}

static void next_with_data(struct events *events, struct event *event) {
    static const char *const states[] = {"goes on", "has ended", "was cut", "is late"};
    do {
        ck_assert_msg(events_next(events, event), "the stream %s; an event is wanted",
                      states[events->state]);
    } while (event->data[0] == '\0');
}

double events_point(struct events *events) {
    struct event event;
    next_with_data(events, &event);
    ck_assert_msg(event.name[0] == '\0', "found the event '%s' %s; wanted a point", event.name,
                  event.data);
    json_t *point = json_loads(event.data, 0, NULL);
    ck_assert_msg(point != NULL, "found the data '%s'; wanted JSON", event.data);
    const double batch = json_number_value(json_object_get(point, "batch"));
    ck_assert_msg(event.has_id && strtod(event.id, NULL) == batch,
                  "found the id '%s' of batch %g; wanted the same", event.id, batch);
    json_decref(point);
    return batch;
}

void events_want(struct events *events, const char *name, const char *data) {
    struct event event;
    next_with_data(events, &event);
    json_t *found = json_loads(event.data, 0, NULL);
    json_t *wanted = json_loads(json_text("%s", data), 0, NULL);
    ck_assert_msg(strcmp(event.name, name) == 0 && found != NULL && json_equal(found, wanted),
                  "found the event '%s' %s; wanted '%s' %s", event.name, event.data, name, data);
    json_decref(found);
    json_decref(wanted);
}

void events_want_end(struct events *events) {
    struct event event;
    while (events_next(events, &event)) {
        ck_assert_msg(event.data[0] == '\0', "found the event '%s' %s; wanted the end", event.name,
                      event.data);
    }
    ck_assert_msg(events->state == EVENTS_ENDED, "the stream %s; an orderly end is wanted",
                  events->state == EVENTS_CUT ? "was cut" : "goes on");
}
