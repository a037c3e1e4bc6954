/* Who asks, and what they may do.  The server finds it out (tokens, Host, Origin); the
 * api, which knows what each call needs, judges it in admission.c. */
#ifndef MLPD_API_ACCESS_H
#define MLPD_API_ACCESS_H

#include <stdbool.h>

/* What a call needs, and what a token grants: a set of bits.  A larger one of a token
 * includes the smaller ones. */
enum scope {
    SCOPE_NONE = 0,  /* nobody is asked, and no Host or Origin is looked at: probes */
    SCOPE_READ = 1,  /* look, predict, evaluate */
    SCOPE_TRAIN = 2, /* make models, train and change them */
    SCOPE_ADMIN = 4, /* what cannot be undone: remove models */
    SCOPE_ALL = SCOPE_READ | SCOPE_TRAIN | SCOPE_ADMIN
};

struct access {
    unsigned scopes;       /* that whoever asks has */
    bool known;            /* a token that mlpd knows, or tokens are not asked for */
    const char *objection; /* a sentence for 403: this Host or Origin is not allowed; NULL:
                            * it is.  Valid as long as the request */
};

/* Where tokens are not asked for and there is no objection. */
#define ACCESS_GRANTED ((struct access){.scopes = SCOPE_ALL, .known = true})

/* "read", for messages and documents. */
const char *scope_name(enum scope scope);

#endif
