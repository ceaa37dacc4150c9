#include "gateway/strong_work.h"

/* A key of single length is for the forms that say so, and TDES alone has them. */
static bool is_single(enum pos_key_usage usage, enum pos_algorithm tmk, enum pos_key_form form)
{
    if (pos_algorithm_working(tmk) != POS_ALGORITHM_T2)
        return false;
    return form == POS_FORM_24 || (form == POS_FORM_40 && usage == POS_USAGE_TAK);
}

static enum pos_status generate(struct pos_hsm_session *session, const struct pos_strong_job *job,
                                enum pos_key_usage usage, struct pos_key *key, struct pos_kcv *kcv)
{
    if (is_single(usage, job->pair.tmk, job->pair.form))
        return pos_hsm_generate_single(session, usage, key, kcv);
    return pos_hsm_generate(session, usage, pos_algorithm_working(job->pair.tmk), key, kcv);
}

static enum pos_status make_pair(struct pos_hsm_session *session, const struct pos_strong_job *job)
{
    struct pos_terminal_write *write = job->pair.write;
    enum pos_status status = generate(session, job, POS_USAGE_TPK, &write->tpk, &write->tpk_kcv);
    if (status == POS_OK)
        status = generate(session, job, POS_USAGE_TAK, &write->tak, &write->tak_kcv);
    if (status == POS_OK && pos_key_form_has_tdk(job->pair.form, job->pair.tmk))
        return generate(session, job, POS_USAGE_TDK, &write->tdk, &write->tdk_kcv);
    write->tdk = (struct pos_key){0};
    write->tdk_kcv = (struct pos_kcv){0};
    return status;
}

static enum pos_status wrap(struct pos_hsm_session *session, struct pos_strong_job *job)
{
    if (job->wrap.bare)
        return pos_hsm_wrap_working_form(session, job->wrap.form, job->wrap.tmk, job->wrap.tpk,
                                         job->wrap.tak, job->wrap.tdk, &job->wrap.out);
    enum pos_status status =
        pos_hsm_wrap_working_key(session, job->wrap.tmk, job->wrap.tpk, &job->wrap.out);
    if (status == POS_OK)
        status = pos_hsm_wrap_working_key(session, job->wrap.tmk, job->wrap.tak, &job->wrap.out);
    return status;
}

static enum pos_status do_work(struct pos_hsm_session *session, struct pos_strong_job *job)
{
    switch (job->work) {
    case POS_STRONG_FETCH:
        return pos_hsm_fetch_mac_key(session, job->fetch.key, job->fetch.purpose,
                                     job->fetch.parcel);
    case POS_STRONG_PAIR:
        return make_pair(session, job);
    case POS_STRONG_WRAP:
        return wrap(session, job);
    default:
        return pos_hsm_translate_pin(session, job->pin.tpk, job->pin.zpk, job->pin.pan, job->pin.in,
                                     job->pin.out);
    }
}

void pos_strong_do(struct pos_hsm_session *session, struct pos_strong_job *job)
{
    job->status = do_work(session, job);
}
