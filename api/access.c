/* The names of scopes; see access.h. */
#include "api/access.h"

const char *scope_name(enum scope scope) {
    switch (scope) {
    case SCOPE_READ:
        return "read";
    case SCOPE_TRAIN:
        return "train";
    case SCOPE_ADMIN:
        return "admin";
    default:
        return "none";
    }
}
