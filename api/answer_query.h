/* What predictions, evaluations and hashes share: ask the engine, wait, answer. */
#ifndef MLPD_API_ANSWER_QUERY_H
#define MLPD_API_ANSWER_QUERY_H

#include "api/call_internal.h"

/* Make a query of the call's examples (where the kind has any) to the model, or to the version
 * in call->numbers where there is one, wait for it, and
 * have `answer` write the answer when it stands; errors are answered here. */
void answer_query(struct call *call, enum query_kind kind, const struct evaluation_request *request,
                  resume_function *answer);

/* Was the query answered?  If not, its problem is the call's answer now. */
bool query_succeeded(struct call *call);

#endif
