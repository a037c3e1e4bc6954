/* The judgement of slow clients; see pace.h. */
#include "server/pace.h"

#include <math.h>

void pace_start(struct pace *pace, unsigned stage, double now) {
    *pace = (struct pace){.stage = stage, .phase = PHASE_OPEN, .since = now, .looked = now};
}

bool pace_counts(enum connection_phase phase) {
    return phase == PHASE_OPEN || phase == PHASE_IDLE || phase == PHASE_ANSWER;
}

bool pace_is_below_rate(const struct pace_limits *limits, uint64_t bytes, double seconds) {
    return seconds > 0 && (double)bytes < (double)limits->bytes_per_second * seconds;
}

static uint64_t moved_in(const struct pace_sight *sight) {
    return sight->phase == PHASE_BODY ? sight->body_bytes : sight->traffic.taken;
}

/* A header that was seen to begin before its line was whole keeps that time. */
static void begin_stage(struct pace *pace, const struct pace_limits *limits,
                        const struct pace_sight *sight) {
    const bool goes_on = sight->phase == PHASE_HEADER && sight->stage == pace->stage + 1;
    const bool begun = goes_on && pace->begun;
    *pace = (struct pace){
        .stage = sight->stage,
        .phase = sight->phase,
        .since = sight->now,
        .looked = sight->now,
        .begun = begun || sight->phase == PHASE_HEADER,
        .begun_at = begun ? pace->begun_at : sight->now,
        .received = sight->traffic.received,
        .moved = moved_in(sight),
        .credit_seconds = limits->grace_seconds,
    };
}

static enum pace_verdict judge_header(struct pace *pace, const struct pace_limits *limits,
                                      const struct pace_sight *sight) {
    if (!pace->begun && !sight->encrypted && sight->traffic.received != pace->received) {
        pace->begun = true;
        pace->begun_at = sight->now;
    }
    if (pace->begun && sight->now - pace->begun_at >= limits->header_seconds) {
        return PACE_SLOW_HEADER;
    }
    return sight->now - pace->since >= limits->idle_seconds + limits->header_seconds ? PACE_SILENT
                                                                                     : PACE_FINE;
}

/* Whether the account still covers the time since the last look. */
static bool pay(struct pace *pace, const struct pace_limits *limits,
                const struct pace_sight *sight) {
    const double paid_in =
        (double)(moved_in(sight) - pace->moved) / (double)limits->bytes_per_second;
    pace->moved = moved_in(sight);
    pace->credit_seconds = fmin(pace->credit_seconds + paid_in, limits->pause_seconds);
    pace->credit_seconds -= sight->now - pace->looked;
    return pace->credit_seconds >= 0;
}

static enum pace_verdict judge_body(struct pace *pace, const struct pace_limits *limits,
                                    const struct pace_sight *sight) {
    const bool late = sight->now - pace->since >= limits->body_seconds;
    const bool slow = limits->bytes_per_second > 0 && !pay(pace, limits, sight);
    return late || slow ? PACE_SLOW_BODY : PACE_FINE;
}

static enum pace_verdict judge_reader(struct pace *pace, const struct pace_limits *limits,
                                      const struct pace_sight *sight) {
    const bool owed = sight->traffic.counted && sight->traffic.untaken > 0;
    return owed && limits->bytes_per_second > 0 && !pay(pace, limits, sight) ? PACE_SLOW_READER
                                                                             : PACE_FINE;
}

enum pace_verdict pace_look(struct pace *pace, const struct pace_limits *limits,
                            const struct pace_sight *sight) {
    enum pace_verdict verdict = PACE_FINE;
    if (sight->stage != pace->stage) {
        begin_stage(pace, limits, sight);
    }
    switch (sight->phase) {
    case PHASE_OPEN:
    case PHASE_IDLE:
    case PHASE_HEADER:
        verdict = judge_header(pace, limits, sight);
        break;
    case PHASE_BODY:
        verdict = judge_body(pace, limits, sight);
        break;
    case PHASE_ANSWER:
        verdict = judge_reader(pace, limits, sight);
        break;
    case PHASE_BUSY:
    case PHASE_OVER:
        break;
    }
    pace->looked = sight->now;
    return verdict;
}
