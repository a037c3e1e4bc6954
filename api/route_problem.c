/* The table of problems; see route_problem.h. */
#include "api/route_problem.h"

/* One field a line: rows grow. */
const struct route_problem route_problems[] = {
    {
        .status = 400,
        .occurrence = ON_EVERY_CALL,
        .when = "It cannot be parsed: the query, the headers, the body.",
        .detail = "byte 24: a digit is missing in this number",
    },
    {
        .status = 401,
        .occurrence = WITH_A_SCOPE,
        .headers = "WWW-Authenticate",
        .when = "No token, or one that mlpd does not know.",
        .detail = "this call needs a token: Authorization: Bearer TOKEN",
    },
    {
        .status = 403,
        .occurrence = WITH_A_SCOPE,
        .headers = "WWW-Authenticate",
        .when = "The token has not the scope, or the Host or Origin is not allowed.",
        .detail = "this call needs a token of scope admin",
    },
    {
        .status = 404,
        .occurrence = BELOW_A_MODEL,
        .when = "There is no such model, or no such batch or checkpoint of it.",
        .detail = "there is no model named iris",
    },
    {
        .status = 406,
        .occurrence = WITH_AN_ANSWER,
        .when = "Accept takes none of the media types that the call has.",
        .detail = "Accept: image/png; available: application/json",
    },
    {
        .status = 408,
        .occurrence = ON_EVERY_CALL,
        .when = "The request came too slowly.",
        .detail = "the body of the request took too long to come (--body-timeout, --min-rate)",
    },
    {
        .status = 409,
        .occurrence = AS_LISTED,
        .when = "It is against what is there: a name that is taken, a step not taken.",
        .detail = "there is a model named iris already",
    },
    {
        .status = 410,
        .occurrence = AS_LISTED,
        .when = "It was here once: deleted, or older than what is kept.",
        .detail = "the model iris was deleted",
    },
    {
        .status = 411,
        .occurrence = WITH_A_NEEDED_BODY,
        .when = "A body without Content-Length or Transfer-Encoding.",
        .detail = "this call needs a body: send it with Content-Length or with Transfer-Encoding: "
                  "chunked",
    },
    {
        .status = 412,
        .occurrence = WITH_IF_MATCH,
        .headers = "ETag",
        .when = "If-Match names other settings than the model has.",
        .detail =
            "the ETag of the model iris is \"f6c2a9d81e5b4c07.4\", and If-Match names another",
    },
    {
        .status = 413,
        .occurrence = ON_EVERY_CALL,
        .when = "More than one request may hold.",
        .detail = "a body of 100000000 bytes; --max-body allows 67108864",
    },
    {
        .status = 414,
        .occurrence = ON_EVERY_CALL,
        .when = "The address and its query are too long.",
        .detail = "the request target is over 4096 bytes, or has more than 64 query parameters",
    },
    {
        .status = 415,
        .occurrence = WITH_A_BODY,
        .headers = "Accept-Encoding",
        .when = "A Content-Type or Content-Encoding that the call does not take.",
        .detail = "Content-Type application/xml; allowed: application/json",
    },
    {
        .status = 417,
        .occurrence = ON_EVERY_CALL,
        .when = "Expect asks for something other than 100-continue.",
        .detail = "Expect asks for something other than 100-continue",
    },
    {
        .status = 422,
        .occurrence = ON_EVERY_CALL,
        .when = "It is well-formed, but means something that is not allowed.",
        .detail = "unknown query parameter 'colour'; allowed: limit, after",
    },
    {
        .status = 429,
        .occurrence = ON_EVERY_CALL,
        .headers = "Retry-After",
        .when = "A queue is full, or there are too many connections.",
        .detail = "256 batches wait already; --max-queue allows 256",
    },
    {
        .status = 431,
        .occurrence = ON_EVERY_CALL,
        .when = "The headers are too large.",
        .detail = "the request line and the header fields are over 32 KiB together",
    },
    {
        .status = 500,
        .occurrence = ON_EVERY_CALL,
        .when = "A defect of mlpd.",
        .detail = "the system has no random numbers",
    },
    {
        .status = 503,
        .occurrence = ON_EVERY_CALL,
        .headers = "Retry-After Preference-Applied",
        .when = "The process has no place left, or is about to end.",
        .detail = "mlpd is shutting down",
    },
    {
        .status = 504,
        .occurrence = AS_LISTED,
        .headers = "Preference-Applied",
        .when = "What was waited for did not happen in time.",
        .detail = "the model is at step 41 after 10 seconds; 42 is wanted",
    },
    {
        .status = 507,
        .occurrence = ON_EVERY_CALL,
        .when = "--max-memory leaves no room for it.",
        .detail = "the model needs 800000000 bytes; 500000000 of the 536870912 bytes of "
                  "--max-memory are left",
    },
};

const size_t route_problem_count = sizeof route_problems / sizeof *route_problems;

/* One with a body. */
static bool has_answer(const struct handler *handler) {
    const struct route_answer *answer = handler->answers;
    while (answer->status != 0 && answer->schema == NULL) {
        answer++;
    }
    return answer->status != 0;
}

static bool is_listed(const struct handler *handler, unsigned status) {
    const unsigned *at = handler->errors;
    while (*at != 0 && *at != status) {
        at++;
    }
    return *at != 0;
}

bool route_has_problem(const struct route *route, const struct handler *handler,
                       const struct route_problem *problem) {
    switch (problem->occurrence) {
    case ON_EVERY_CALL:
        return true;
    case WITH_A_SCOPE:
        return handler->scope != SCOPE_NONE;
    case BELOW_A_MODEL:
        return route_has_segment(route, MODEL_SEGMENT) || is_listed(handler, problem->status);
    case WITH_A_BODY:
        return handler->body != BODY_NONE;
    case WITH_A_NEEDED_BODY:
        return handler->body != BODY_NONE && !handler->body_is_optional;
    case WITH_AN_ANSWER:
        return handler->scope != SCOPE_NONE && has_answer(handler);
    case WITH_IF_MATCH:
        return route_hears(handler, HEADER_IF_MATCH);
    default:
        return is_listed(handler, problem->status);
    }
}
