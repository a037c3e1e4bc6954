/* A function that long work calls between bounded pieces, so that shorter work
 * gets in. */
#ifndef MLPD_CORE_BASE_PAUSE_H
#define MLPD_CORE_BASE_PAUSE_H

struct pause {
    void (*call)(void *context); /* NULL: nothing waits */
    void *context;
};

static inline void pause_call(struct pause pause) {
    if (pause.call != (void (*)(void *))0) {
        pause.call(pause.context);
    }
}

#endif
