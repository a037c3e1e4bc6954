/* The suites of the unit tests, one a file: test_<file>.c has suite_<file>. */
#ifndef MLPD_TESTS_UNIT_SUITES_H
#define MLPD_TESTS_UNIT_SUITES_H

#include <check.h>

/* One line a suite: SUITE(name) */
#define SUITES(SUITE)                                                                              \
    SUITE(random)                                                                                  \
    SUITE(elementary)                                                                              \
    SUITE(activation)                                                                              \
    SUITE(softmax)                                                                                 \
    SUITE(loss)                                                                                    \
    SUITE(schedule)                                                                                \
    SUITE(optimizer)                                                                               \
    SUITE(initializer)                                                                             \
    SUITE(dropout)                                                                                 \
    SUITE(standardizer)                                                                            \
    SUITE(normalization)                                                                           \
    SUITE(product)                                                                                 \
    SUITE(panel_product)                                                                           \
    SUITE(network)                                                                                 \
    SUITE(pass)                                                                                    \
    SUITE(metric)                                                                                  \
    SUITE(numerics)                                                                                \
    SUITE(memory)                                                                                  \
    SUITE(ledger)                                                                                  \
    SUITE(store_changes)                                                                           \
    SUITE(store_blobs)                                                                             \
    SUITE(store_damage)                                                                            \
    SUITE(store_backup)                                                                            \
    SUITE(store_sqlite)                                                                            \
    SUITE(store_power)                                                                             \
    SUITE(store_failures)                                                                          \
    SUITE(store_large)                                                                             \
    SUITE(error)                                                                                   \
    SUITE(specification)                                                                           \
    SUITE(number)                                                                                  \
    SUITE(number_list)                                                                             \
    SUITE(histogram)                                                                               \
    SUITE(exposition)                                                                              \
    SUITE(http_statistics)                                                                         \
    SUITE(request_id)                                                                              \
    SUITE(request_log)                                                                             \
    SUITE(json_write)                                                                              \
    SUITE(optimizer_json)                                                                          \
    SUITE(accept)                                                                                  \
    SUITE(loss_stream)                                                                             \
    SUITE(openapi)                                                                                 \
    SUITE(route)                                                                                   \
    SUITE(intake)                                                                                  \
    SUITE(json_intake)                                                                             \
    SUITE(csv_intake)                                                                              \
    SUITE(intake_rows)                                                                             \
    SUITE(json_conformance)                                                                        \
    SUITE(content_coding)                                                                          \
    SUITE(safetensors_intake)                                                                      \
    SUITE(model_intake)                                                                            \
    SUITE(gradient)                                                                                \
    SUITE(training)                                                                                \
    SUITE(header_values)                                                                           \
    SUITE(options)                                                                                 \
    SUITE(log)                                                                                     \
    SUITE(address)                                                                                 \
    SUITE(published)                                                                               \
    SUITE(tokens)                                                                                  \
    SUITE(origins)                                                                                 \
    SUITE(guard)                                                                                   \
    SUITE(probe)                                                                                   \
    SUITE(gate)                                                                                    \
    SUITE(pace)                                                                                    \
    SUITE(peers)                                                                                   \
    SUITE(connections)                                                                             \
    SUITE(linger)                                                                                  \
    SUITE(reaper)                                                                                  \
    SUITE(notifier)                                                                                \
    SUITE(watchdog)                                                                                \
    SUITE(engine_history)                                                                          \
    SUITE(engine_registry)                                                                         \
    SUITE(engine_team)                                                                             \
    SUITE(engine_scheduler)                                                                        \
    SUITE(engine_waiter)                                                                           \
    SUITE(key_table)                                                                               \
    SUITE(engine_keys)                                                                             \
    SUITE(engine_checkpoints)                                                                      \
    SUITE(engine_crowd)                                                                            \
    SUITE(engine_queue)                                                                            \
    SUITE(engine_trainer)                                                                          \
    SUITE(engine_predictor)                                                                        \
    SUITE(engine_local_predictor)                                                                  \
    SUITE(engine_states)                                                                           \
    SUITE(engine_recovery)                                                                         \
    SUITE(engine_statistics)                                                                       \
    SUITE(engine_life)                                                                             \
    SUITE(engine_bits)                                                                             \
    SUITE(engine_failures)

#define DECLARE(name) Suite *suite_##name(void);
SUITES(DECLARE)
#undef DECLARE

#define POINTER(name) suite_##name,
static Suite *(*const suites[])(void) = {SUITES(POINTER)};
#undef POINTER

#endif
