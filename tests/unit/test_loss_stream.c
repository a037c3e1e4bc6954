/* api/loss_stream.h: what cannot be timed over HTTP.  The rest is in
 * tests/integration/test_streams.c. */
#include <check.h>
#include <string.h>
#include <strings.h>

#include "api/call.h"
#include "tests/unit/engine_fixture.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

#define TEXT_BYTES 4096
#define PIECES_MAX 100

struct header {
    const char *name, *value;
};

static const char *header_line(const void *context, const char *name, size_t index) {
    const struct header *header = context;
    while (header->name != NULL && strcasecmp(header->name, name) != 0) {
        header++;
    }
    return index == 0 ? header->value : NULL;
}

static const char *header_of(const void *context, const char *name) {
    return header_line(context, name, 0);
}

/* The stream to its end, which must come without a wait. */
static void read_to_the_end(struct call *call, char text[TEXT_BYTES]) {
    struct buffer *body = &call_response(call)->body;
    size_t used = 0;
    for (size_t pieces = 0; body->used > 0; pieces++) {
        ck_assert(pieces < PIECES_MAX && used + body->used < TEXT_BYTES);
        memcpy(text + used, body->data, body->used);
        used += body->used;
        ck_assert_int_eq(call_next_piece(call), CALL_ANSWERED);
    }
    text[used] = '\0';
}

/* The client resumes behind a batch that the model never had, and the model is deleted
 * before the stream has found that out. */
START_TEST(test_a_deleted_model_leaves_its_points_behind_a_gap) {
    const struct header headers[] = {
        {"Accept", "text/event-stream"}, {"Last-Event-ID", "999"}, {NULL, NULL}};
    struct waiting_room waiting;
    struct error error;
    char text[TEXT_BYTES];
    struct engine *engine = fixture_engine(1);
    struct model *model = fixture_model(engine, "m", "4-3");
    fixture_train(engine, model, 2, 5, 1);
    waiting_room_init(&waiting, 1);
    struct call *call = call_create(&(struct api){.engine = engine, .waiting = &waiting});
    ck_assert_ptr_ne(call, NULL);
    ck_assert_int_eq(call_begin(call, &(struct request){.method = "GET",
                                                        .target = "/v1/models/m/loss",
                                                        .header = header_of,
                                                        .header_line = header_line,
                                                        .header_context = headers,
                                                        .access = ACCESS_GRANTED}),
                     CALL_READING);
    ck_assert_int_eq(call_end(call), CALL_ANSWERED);
    ck_assert(engine_delete_model(engine, model, 0, NULL, NULL, &error) == ERROR_NONE);
    read_to_the_end(call, text);
    const char *gap = strstr(text, "event: gap\ndata: {\"after\":999,\"oldest\":1}");
    const char *first = strstr(text, "id: 1\n"), *second = strstr(text, "id: 2\n");
    const char *deleted = strstr(text, "event: deleted\n");
    ck_assert_msg(gap != NULL && first > gap && second > first && deleted > second, "found %s",
                  text);
    call_destroy(call);
    EXPECT_COUNT(waiting_room_taken(&waiting), 0);
    model_release(model);
    fixture_end(engine);
}
END_TEST

Suite *suite_loss_stream(void) {
    Suite *suite = suite_create("loss_stream");
    TCase *tests = tcase_create("life");
    tcase_add_test(tests, test_a_deleted_model_leaves_its_points_behind_a_gap);
    suite_add_tcase(suite, tests);
    return suite;
}
