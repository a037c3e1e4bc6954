/* The handlers that the routes name, one file each a subject. */
#ifndef MLPD_API_HANDLERS_H
#define MLPD_API_HANDLERS_H

struct call;

/* models.c */
void models_create(struct call *call);
void models_list(struct call *call);
void models_describe(struct call *call);
void models_delete(struct call *call);

/* changes.c */
void changes_patch(struct call *call);
void changes_reset(struct call *call);
void changes_clone(struct call *call);
void changes_restore(struct call *call);

/* checkpoints.c */
void checkpoints_post(struct call *call);
void checkpoints_get_list(struct call *call);
void checkpoints_describe(struct call *call);
void checkpoints_delete(struct call *call);

/* promotions.c */
void promotions_post(struct call *call);

/* batches.c */
void batches_post(struct call *call);
void batches_describe(struct call *call);
void batches_cancel(struct call *call);
void batches_cancel_all(struct call *call);

/* loss_history.c */
void loss_history_list(struct call *call);

/* predictions.c */
void predictions_post(struct call *call);

/* evaluations.c */
void evaluations_post(struct call *call);

/* exports.c */
void exports_show(struct call *call);

/* server_info.c */
void server_describe(struct call *call);

/* backups.c */
void backups_post(struct call *call);

/* metrics.c */
void metrics_show(struct call *call);

/* openapi.c */
void openapi_answer(struct call *call);

/* health.c */
void health_live(struct call *call);
void health_ready(struct call *call);

#endif
