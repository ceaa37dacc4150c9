/*
 * What takes long at the admin socket: catching up with the key library and letting go of its old
 * files, scrubbing the terminal table, copying it. One at a time, on a thread of its own, so that
 * the socket, and the metrics that share its loop, go on answering.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "gateway/admin_inside.h"

enum work { WORK_CATCH_UP, WORK_SCRUB, WORK_BACKUP };

struct pos_admin_task {
    struct pos_admin *admin;
    enum work work;
    json_t *request; /* kept */
    char who[80];
    char path[POS_PATH_SIZE_MAX];
    struct pos_connection_handle asker;
    pthread_t thread;
    bool joined;
    enum pos_status status;
    struct pos_post post;
    /* the clerk's part of catching up */
    struct pos_clerk_job job;
    pthread_mutex_t lock;
    pthread_cond_t woken;
    bool job_done;
};

/* ---- on the task's thread ---- */

static void job_done(struct pos_clerk_job *job)
{
    struct pos_admin_task *task =
        (struct pos_admin_task *)(void *)((char *)job - offsetof(struct pos_admin_task, job));
    (void)pthread_mutex_lock(&task->lock);
    task->job_done = true;
    (void)pthread_cond_signal(&task->woken);
    (void)pthread_mutex_unlock(&task->lock);
}

/* By the clerk, who alone catches up: so no look-up that it began earlier is still on its way. */
static enum pos_status catch_up(struct pos_admin_task *task)
{
    task->job = (struct pos_clerk_job){.work = POS_CLERK_CATCH_UP, .done = job_done};
    enum pos_status status = pos_clerk_submit(task->admin->gateway->clerk, &task->job);
    if (status != POS_OK)
        return status;
    (void)pthread_mutex_lock(&task->lock);
    while (!task->job_done)
        (void)pthread_cond_wait(&task->woken, &task->lock);
    (void)pthread_mutex_unlock(&task->lock);
    return task->job.status;
}

static enum pos_status back_up(struct pos_admin_task *task)
{
    const struct pos_audit_event event = {.utc_ms = pos_clock_utc_ms(),
                                          .who = task->who,
                                          .what = "backup",
                                          .on_what = task->path,
                                          .outcome = "done"};
    return pos_terminal_table_checkpoint(task->admin->gateway->table, task->path, &event);
}

static void task_ended(struct pos_post *post);

static void *work(void *context)
{
    struct pos_admin_task *task = context;
    switch (task->work) {
    case WORK_CATCH_UP:
        task->status = catch_up(task);
        break;
    case WORK_SCRUB:
        task->status = pos_terminal_table_scrub(task->admin->gateway->table);
        break;
    case WORK_BACKUP:
        task->status = back_up(task);
        break;
    }
    task->post.run = task_ended;
    pos_loop_post(task->admin->gateway->admin_loop, &task->post);
    return NULL;
}

/* ---- on the loop's thread ---- */

static json_t *answer_catch_up(struct pos_admin_task *task)
{
    char text[POS_AUDIT_RECORD_SIZE_MAX];
    struct pos_audit_record record;
    enum pos_status status = task->status;
    if (status == POS_OK)
        status = pos_admin_find_record(task->admin, task->request, text, &record);
    if (status == POS_OK)
        return json_pack("{s:b, s:I}", "ok", 1, "sequence", (json_int_t)record.sequence);
    if (status == POS_ERR_USAGE)
        return pos_admin_refused(status, "sequence and hash: an audit record of the key library");
    if (status == POS_ERR_MISMATCH)
        return pos_admin_refused(status, "this gateway follows another key library");
    if (status == POS_ERR_NOT_FOUND)
        return pos_admin_refused(status, "the key library that this gateway follows has no such "
                                         "audit record: is it the same library?");
    return pos_admin_refused(status, "the gateway cannot catch up with the key library");
}

static json_t *answer_task(struct pos_admin_task *task)
{
    if (task->work == WORK_CATCH_UP)
        return answer_catch_up(task);
    if (task->status == POS_OK)
        return json_pack("{s:b, s:s}", "ok", 1, task->work == WORK_BACKUP ? "path" : "table",
                         task->work == WORK_BACKUP ? task->path : "scrubbed");
    if (task->work == WORK_SCRUB)
        return pos_admin_refused(task->status, "the terminal table could not be scrubbed");
    return pos_admin_refused(
        task->status, task->status == POS_ERR_EXISTS
                          ? "the folder is there already: name a new one"
                          : "no copy was made. The folder must be new, its parent must be there, "
                            "and on the file system of the terminal table: it is copied by links");
}

static void join(struct pos_admin_task *task)
{
    if (!task->joined)
        (void)pthread_join(task->thread, NULL);
    task->joined = true;
}

static void task_ended(struct pos_post *post)
{
    struct pos_admin_task *task =
        (struct pos_admin_task *)(void *)((char *)post - offsetof(struct pos_admin_task, post));
    struct pos_admin *admin = task->admin;
    join(task);
    struct pos_connection *asker = pos_connection_find(admin->gateway->admin_loop, task->asker);
    if (asker != NULL)
        pos_admin_answer(asker, answer_task(task));
    admin->task = NULL;
    (void)pthread_cond_destroy(&task->woken);
    (void)pthread_mutex_destroy(&task->lock);
    json_decref(task->request);
    free(task);
}

void pos_admin_task_join(struct pos_admin *admin)
{
    if (admin->task != NULL)
        join(admin->task);
}

static json_t *start(struct pos_admin *admin, struct pos_admin_task *task)
{
    (void)pthread_mutex_init(&task->lock, NULL);
    (void)pthread_cond_init(&task->woken, NULL);
    if (pthread_create(&task->thread, NULL, work, task) != 0) {
        (void)pthread_cond_destroy(&task->woken);
        (void)pthread_mutex_destroy(&task->lock);
        json_decref(task->request);
        free(task);
        return pos_admin_refused(POS_ERR_LIMIT, "no thread for it");
    }
    admin->task = task;
    admin->later = true;
    return NULL;
}

static json_t *start_task(struct pos_admin *admin, enum work what, json_t *request, const char *who)
{
    if (admin->task != NULL)
        return pos_admin_refused(POS_ERR_BUSY, "the gateway is catching up, scrubbing or making a "
                                               "copy just now; try again");
    struct pos_admin_task *task = calloc(1, sizeof *task);
    if (task == NULL)
        return pos_admin_refused(POS_ERR_MEMORY, "no memory for it");
    task->admin = admin;
    task->work = what;
    task->asker = pos_connection_handle(admin->asking);
    (void)snprintf(task->who, sizeof task->who, "%s", who);
    const char *path = json_string_value(json_object_get(request, "path"));
    if (path != NULL)
        (void)snprintf(task->path, sizeof task->path, "%s", path);
    task->request = json_incref(request);
    return start(admin, task);
}

json_t *pos_admin_catch_up(struct pos_admin *admin, json_t *request, const char *who)
{
    return start_task(admin, WORK_CATCH_UP, request, who);
}

json_t *pos_admin_scrub(struct pos_admin *admin, json_t *request, const char *who)
{
    return start_task(admin, WORK_SCRUB, request, who);
}

json_t *pos_admin_backup(struct pos_admin *admin, json_t *request, const char *who)
{
    const char *path = json_string_value(json_object_get(request, "path"));
    if (path == NULL || path[0] != '/' || strlen(path) >= POS_PATH_SIZE_MAX)
        return pos_admin_refused(POS_ERR_USAGE, "path: the new folder, from the root on");
    return start_task(admin, WORK_BACKUP, request, who);
}
