/* The judgement of slow clients; see pace.h. */
#include "server/pace.h"

void pace_start(struct pace *pace, unsigned stage, double now) {
    *pace = (struct pace){.stage = stage, .phase = PHASE_OPEN, .since = now, .looked = now};
}

bool pace_counts(enum connection_phase phase) {
    return phase == PHASE_OPEN || phase == PHASE_IDLE || phase == PHASE_ANSWER;
}

bool pace_is_below_rate(const struct pace_limits *limits, uint64_t bytes, double seconds) {
    return seconds > 0 && (double)bytes < (double)limits->bytes_per_second * seconds;
}

/* A header that was seen to begin before its line was whole keeps that time. */
static void begin_stage(struct pace *pace, const struct pace_sight *sight) {
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
        .taken = sight->traffic.taken,
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

static enum pace_verdict judge_body(const struct pace *pace, const struct pace_limits *limits,
                                    const struct pace_sight *sight) {
    const double seconds = sight->now - pace->since;
    return seconds >= limits->body_seconds ||
                   pace_is_below_rate(limits, sight->body_bytes, seconds - limits->grace_seconds)
               ? PACE_SLOW_BODY
               : PACE_FINE;
}

static enum pace_verdict judge_reader(struct pace *pace, const struct pace_limits *limits,
                                      const struct pace_sight *sight) {
    const bool owed = sight->traffic.counted && sight->traffic.untaken > 0;
    if (owed) {
        pace->owed_seconds += sight->now - pace->looked;
    }
    return owed && pace_is_below_rate(limits, sight->traffic.taken - pace->taken,
                                      pace->owed_seconds - limits->grace_seconds)
               ? PACE_SLOW_READER
               : PACE_FINE;
}

enum pace_verdict pace_look(struct pace *pace, const struct pace_limits *limits,
                            const struct pace_sight *sight) {
    enum pace_verdict verdict = PACE_FINE;
    if (sight->stage != pace->stage) {
        begin_stage(pace, sight);
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
