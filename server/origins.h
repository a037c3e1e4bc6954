/* From where a request may come: its Host, its Origin and Sec-Fetch-Site.
 *
 * A web page that someone has open can send requests to a daemon on the same machine.
 * Two things tell it from a client of the daemon's own:
 *
 *   Host    is the page's own name when its name server has been made to answer with
 *           127.0.0.1 (DNS rebinding).  So only names that are known pass: loopback names
 *           (localhost, 127.0.0.1, [::1]), the address that the daemon listens on, and
 *           those of --allowed-hosts.  A daemon that listens on every address of its
 *           machine takes any address for its own: rebinding needs a name.  Over a unix
 *           socket every Host passes, as does HTTP/1.0 without any.
 *   Origin  is the page's.  It must be the daemon's own (the same host and port as in
 *           Host) or one of --allowed-origins.  Without an Origin, Sec-Fetch-Site must be
 *           none or same-origin where a browser sends it; same-site is not enough, since
 *           that is every port of the machine.
 *
 * A host of the list without a port passes with every port, one with a port with that
 * one only; case does not matter, nor a dot at the end of a name.  An origin of the list
 * is what a browser sends: https://app.example.org or http://localhost:3000.  * in a list
 * lets everything pass.
 *
 * Fixed once created: any thread. */
#ifndef MLPD_SERVER_ORIGINS_H
#define MLPD_SERVER_ORIGINS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/error.h"
#include "server/address.h"

#define ORIGINS_MAX 64 /* entries of each list */
#define ORIGINS_OBJECTION_BYTES 256

struct origins;

struct origins_settings {
    const char *allowed_hosts, *allowed_origins; /* comma-separated, or NULL */
    const struct address *bound;                 /* where the daemon listens */
    size_t bound_count;
};

/* What a request says; NULL: nothing. */
struct origins_request {
    const char *host;
    const char *target; /* as on the request line; may name a host too */
    const char *origin, *fetch_site;
    bool local; /* over a unix socket */
};

/* Whether these are lists as the options have them; ERROR_INVALID and what is wrong. */
enum error_code origins_check_hosts(const char *list, struct error *error);
enum error_code origins_check_origins(const char *list, struct error *error);

/* ERROR_INVALID or ERROR_MEMORY.  The settings need not outlive it. */
enum error_code origins_create(const struct origins_settings *settings, struct origins **origins,
                               struct error *error);

/* Whether the request may come from there; if not, why, as a sentence. */
bool origins_allow(const struct origins *origins, const struct origins_request *request,
                   char objection[ORIGINS_OBJECTION_BYTES]);

/* Whether --allowed-origins lists the origin, so that its pages may read the answer. */
bool origins_lists(const struct origins *origins, const char *origin);

/* NULL is allowed. */
void origins_destroy(struct origins *origins);

#endif
