/* core/engine/registry.h and backlog.h */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "core/engine/clock.h"
#include "core/engine/registry.h"
#include "tests/unit/engine_fixture.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

static void add(struct registry *registry, struct bare *bare, const char *name) {
    struct error error;
    struct model *model = bare_model(bare, name, NULL);
    ck_assert(registry_add(registry, model, &error) == ERROR_NONE);
    model_release(model);
}

static void begin(struct registry *registry, struct bare *bare) {
    bare_begin(bare, 10);
    ck_assert(registry_init(registry));
}

static void end(struct registry *registry, struct bare *bare) {
    registry_destroy(registry);
    bare_end(bare);
}

/* The names listed, with blanks between. */
static const char *list(struct registry *registry, const char *after, size_t limit, bool *more) {
    static char names[256];
    struct model *models[8];
    const size_t count = registry_list(registry, after, limit, models, more);
    names[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        strcat(names, models[i]->name);
        strcat(names, i + 1 < count ? " " : "");
        model_release(models[i]);
    }
    return names;
}

START_TEST(test_models_are_listed_by_name_whatever_the_order_of_adding) {
    struct registry registry;
    struct bare bare;
    bool more;
    begin(&registry, &bare);
    add(&registry, &bare, "m");
    add(&registry, &bare, "z");
    add(&registry, &bare, "a");
    add(&registry, &bare, "B");
    EXPECT_TEXT(list(&registry, "", 8, &more), "B a m z");
    ck_assert(!more);
    EXPECT_COUNT(registry_count(&registry), 4);
    end(&registry, &bare);
}
END_TEST

START_TEST(test_pages_go_on_after_a_name_that_may_be_gone) {
    struct registry registry;
    struct bare bare;
    bool more;
    begin(&registry, &bare);
    for (const char *name = "abcde"; *name != '\0'; name++) {
        add(&registry, &bare, (const char[]){*name, '\0'});
    }
    EXPECT_TEXT(list(&registry, "", 2, &more), "a b");
    ck_assert(more);
    EXPECT_TEXT(list(&registry, "b", 2, &more), "c d");
    ck_assert(more);
    EXPECT_TEXT(list(&registry, "d", 2, &more), "e");
    ck_assert(!more);
    EXPECT_TEXT(list(&registry, "bb", 1, &more), "c");
    EXPECT_TEXT(list(&registry, "e", 2, &more), "");
    ck_assert(!more);
    EXPECT_TEXT(list(&registry, "c", 2, &more), "d e");
    ck_assert(!more);
    end(&registry, &bare);
}
END_TEST

START_TEST(test_a_name_is_taken_once_and_free_after_removal) {
    struct registry registry;
    struct bare bare;
    struct error error;
    struct model *found;
    begin(&registry, &bare);
    add(&registry, &bare, "a");
    struct model *second = bare_model(&bare, "a", NULL);
    ck_assert(registry_add(&registry, second, &error) == ERROR_EXISTS);
    EXPECT_TEXT(error.pointer, "/name");
    ck_assert(registry_find(&registry, "a", &found, &error) == ERROR_NONE);
    ck_assert(registry_remove(found));
    ck_assert(!registry_remove(found));
    ck_assert(registry_add(&registry, second, &error) == ERROR_NONE);
    /* The name is someone else's now. */
    ck_assert(!registry_remove(found));
    EXPECT_COUNT(registry_count(&registry), 1);
    model_release(found);
    model_release(second);
    end(&registry, &bare);
}
END_TEST

START_TEST(test_a_model_is_found_and_listed_once_it_is_ready) {
    struct registry registry;
    struct bare bare;
    struct error error;
    struct model *found;
    bool more;
    begin(&registry, &bare);
    struct model *model = bare_model(&bare, "a", NULL);
    model->ready = false;
    ck_assert(registry_add(&registry, model, &error) == ERROR_NONE);
    ck_assert(registry_find(&registry, "a", &found, &error) == ERROR_NOT_FOUND);
    EXPECT_TEXT(list(&registry, "", 8, &more), "");
    model->ready = true;
    ck_assert(registry_find(&registry, "a", &found, &error) == ERROR_NONE);
    ck_assert(found == model);
    EXPECT_TEXT(list(&registry, "", 8, &more), "a");
    model_release(found);
    model_release(model);
    end(&registry, &bare);
}
END_TEST

/* --- many ------------------------------------------------------------------------ */

#define MANY 2000

/* In an order that is not theirs. */
static void name_of(size_t i, char name[MODEL_NAME_BYTES]) {
    snprintf(name, MODEL_NAME_BYTES, "m%04zu", i * 7 % MANY);
}

static bool is_found(struct registry *registry, const char *name) {
    struct model *found;
    struct error error;
    if (registry_find(registry, name, &found, &error) != ERROR_NONE) {
        ck_assert(error.code == ERROR_NOT_FOUND);
        return false;
    }
    EXPECT_TEXT(found->name, name);
    model_release(found);
    return true;
}

START_TEST(test_each_of_many_is_found_until_it_is_removed) {
    struct registry registry;
    struct bare bare;
    struct error error;
    char name[MODEL_NAME_BYTES];
    begin(&registry, &bare);
    for (size_t i = 0; i < MANY; i++) {
        name_of(i, name);
        add(&registry, &bare, name);
    }
    for (size_t i = 0; i < MANY; i++) {
        struct model *model;
        name_of(i, name);
        ck_assert(registry_find(&registry, name, &model, &error) == ERROR_NONE);
        ck_assert(i % 2 == 0 || registry_remove(model));
        model_release(model);
    }
    EXPECT_COUNT(registry_count(&registry), MANY / 2);
    for (size_t i = 0; i < MANY; i++) {
        name_of(i, name);
        ck_assert_msg(is_found(&registry, name) == (i % 2 == 0), "%s", name);
    }
    end(&registry, &bare);
}
END_TEST

START_TEST(test_many_are_listed_page_by_page_in_their_order) {
    struct registry registry;
    struct bare bare;
    char name[MODEL_NAME_BYTES], after[MODEL_NAME_BYTES] = "";
    struct model *page[64];
    size_t listed = 0;
    bool more = true;
    begin(&registry, &bare);
    for (size_t i = 0; i < MANY; i++) {
        name_of(i, name);
        add(&registry, &bare, name);
    }
    while (more) {
        const size_t count = registry_list(&registry, after, 64, page, &more);
        for (size_t i = 0; i < count; i++) {
            snprintf(name, sizeof name, "m%04zu", listed++);
            EXPECT_TEXT(page[i]->name, name);
            memcpy(after, page[i]->name, sizeof after);
            model_release(page[i]);
        }
    }
    EXPECT_COUNT(listed, MANY);
    end(&registry, &bare);
}
END_TEST

START_TEST(test_without_memory_a_model_is_not_in_at_all) {
    struct registry registry;
    struct bare bare;
    struct error error;
    bool more;
    begin(&registry, &bare);
    struct model *model = bare_model(&bare, "a", NULL);
    for (long n = 0; n < 2; n++) { /* the list's memory, then the table's */
        memory_fail_after(n);
        const enum error_code code = registry_add(&registry, model, &error);
        memory_fail_after(-1);
        ck_assert(code == ERROR_MEMORY);
        ck_assert(!is_found(&registry, "a"));
        EXPECT_TEXT(list(&registry, "", 8, &more), "");
    }
    ck_assert(registry_add(&registry, model, &error) == ERROR_NONE);
    ck_assert(is_found(&registry, "a"));
    model_release(model);
    end(&registry, &bare);
}
END_TEST

START_TEST(test_names_go_on_being_found_when_the_table_cannot_grow) {
    struct registry registry;
    struct bare bare;
    struct error error;
    char name[MODEL_NAME_BYTES];
    size_t added = 0;
    begin(&registry, &bare);
    for (size_t i = 0; i < MANY; i++) {
        name_of(i, name);
        struct model *model = bare_model(&bare, name, NULL);
        memory_fail_after(i < MANY / 2 ? -1 : 0); /* that one, if it needs any */
        const enum error_code code = registry_add(&registry, model, &error);
        memory_fail_after(-1);
        ck_assert(code == ERROR_NONE || code == ERROR_MEMORY);
        ck_assert(is_found(&registry, name) == (code == ERROR_NONE));
        added += code == ERROR_NONE;
        model_release(model);
    }
    EXPECT_COUNT(registry_count(&registry), added);
    ck_assert_msg(added > MANY / 2, "nothing was added without memory");
    end(&registry, &bare);
}
END_TEST

/* --- many threads ---------------------------------------------------------------- */

#define SEEKERS 8
#define STAYING 100

struct search {
    struct registry *registry;
    atomic_bool over;
    pthread_barrier_t barrier;
};

/* Those that stay are found whatever comes and goes; of the others, one of that name. */
static void *seek(void *context) {
    struct search *search = context;
    char name[MODEL_NAME_BYTES];
    pthread_barrier_wait(&search->barrier);
    for (size_t i = 0; !atomic_load(&search->over); i++) {
        snprintf(name, sizeof name, "m%04zu", i % STAYING * 2);
        ck_assert_msg(is_found(search->registry, name), "%s", name);
        snprintf(name, sizeof name, "m%04zu", i % STAYING * 2 + 1);
        (void)is_found(search->registry, name);
        struct model *page[8];
        bool more;
        const size_t count =
            i % 16 == 0 ? registry_list(search->registry, name, 8, page, &more) : 0;
        for (size_t j = 0; j < count; j++) {
            model_release(page[j]);
        }
    }
    return NULL;
}

/* Also: look-ups that never pause do not keep anybody out. */
START_TEST(test_models_come_and_go_while_others_are_looked_up) {
    struct registry registry;
    struct bare bare;
    struct error error;
    struct search search = {.registry = &registry};
    pthread_t seekers[SEEKERS];
    char name[MODEL_NAME_BYTES];
    begin(&registry, &bare);
    for (size_t i = 0; i < STAYING; i++) {
        snprintf(name, sizeof name, "m%04zu", 2 * i);
        add(&registry, &bare, name);
    }
    pthread_barrier_init(&search.barrier, NULL, SEEKERS + 1);
    for (size_t i = 0; i < SEEKERS; i++) {
        ck_assert_int_eq(pthread_create(&seekers[i], NULL, seek, &search), 0);
    }
    pthread_barrier_wait(&search.barrier);
    for (size_t i = 0; i < 10 * STAYING; i++) {
        snprintf(name, sizeof name, "m%04zu", i % STAYING * 2 + 1);
        struct model *model = bare_model(&bare, name, NULL);
        ck_assert(registry_add(&registry, model, &error) == ERROR_NONE);
        ck_assert(registry_remove(model));
        model_release(model);
    }
    atomic_store(&search.over, true);
    for (size_t i = 0; i < SEEKERS; i++) {
        pthread_join(seekers[i], NULL);
    }
    pthread_barrier_destroy(&search.barrier);
    EXPECT_COUNT(registry_count(&registry), STAYING);
    end(&registry, &bare);
}
END_TEST

/* --- the backlog ----------------------------------------------------------------- */

START_TEST(test_the_backlog_is_bounded_and_counts_back) {
    struct backlog backlog;
    struct error error;
    double retry_after_seconds = 0;
    ck_assert(backlog_init(&backlog));
    for (size_t i = 0; i < BACKLOG_MAX; i++) {
        ck_assert(backlog_add(&backlog, 1, &retry_after_seconds, &error) == ERROR_NONE);
    }
    ck_assert(backlog_add(&backlog, 1, &retry_after_seconds, &error) == ERROR_FULL);
    ck_assert(retry_after_seconds > 0);
    EXPECT_COUNT(backlog_count(&backlog), BACKLOG_MAX);
    EXPECT_COUNT(backlog_wait(&backlog, 0), BACKLOG_MAX);
    for (size_t i = 0; i < BACKLOG_MAX; i++) {
        backlog_remove(&backlog, 1);
    }
    EXPECT_COUNT(backlog_wait(&backlog, 0), 0);
    backlog_destroy(&backlog);
}
END_TEST

static void *remove_two(void *backlog) {
    backlog_remove(backlog, 1);
    backlog_remove(backlog, 1);
    return NULL;
}

START_TEST(test_waiting_for_the_backlog_ends_when_it_is_empty) {
    struct backlog backlog;
    struct error error;
    double retry_after_seconds;
    pthread_t thread;
    ck_assert(backlog_init(&backlog));
    backlog_add(&backlog, 1, &retry_after_seconds, &error);
    backlog_add(&backlog, 1, &retry_after_seconds, &error);
    pthread_create(&thread, NULL, remove_two, &backlog);
    EXPECT_COUNT(backlog_wait(&backlog, FIXTURE_DEADLINE_SECONDS), 0);
    pthread_join(thread, NULL);
    backlog_destroy(&backlog);
}
END_TEST

Suite *suite_engine_registry(void) {
    Suite *suite = suite_create("engine_registry");
    TCase *tests = tcase_create("registry");
    tcase_add_test(tests, test_models_are_listed_by_name_whatever_the_order_of_adding);
    tcase_add_test(tests, test_pages_go_on_after_a_name_that_may_be_gone);
    tcase_add_test(tests, test_a_name_is_taken_once_and_free_after_removal);
    tcase_add_test(tests, test_a_model_is_found_and_listed_once_it_is_ready);
    tcase_add_test(tests, test_each_of_many_is_found_until_it_is_removed);
    tcase_add_test(tests, test_many_are_listed_page_by_page_in_their_order);
    tcase_add_test(tests, test_without_memory_a_model_is_not_in_at_all);
    tcase_add_test(tests, test_names_go_on_being_found_when_the_table_cannot_grow);
    tcase_add_test(tests, test_models_come_and_go_while_others_are_looked_up);
    tcase_add_test(tests, test_the_backlog_is_bounded_and_counts_back);
    tcase_add_test(tests, test_waiting_for_the_backlog_ends_when_it_is_empty);
    suite_add_tcase(suite, tests);
    return suite;
}
