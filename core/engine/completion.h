/* "Call me once, when …": the only way in which core speaks upward.
 *
 * Whoever waits embeds a completion in an object of its own and hands it to the
 * engine together with what it waits for.  The engine calls `complete` exactly
 * once, from any of its threads or from within the call that took it, holding no
 * lock.  The function must not block; what happened stands in the object that
 * was waited for, which the waiter reads afterwards. */
#ifndef MLPD_CORE_ENGINE_COMPLETION_H
#define MLPD_CORE_ENGINE_COMPLETION_H

struct completion {
    void (*complete)(struct completion *completion);
};

static inline void completion_call(struct completion *completion) {
    if (completion != (struct completion *)0) {
        completion->complete(completion);
    }
}

#endif
