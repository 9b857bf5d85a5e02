/* The two moments of the split by time: the first second of validation and of test, for everybody the same.
 */
#include <math.h>

#include "base/alloc.h"
#include "base/log.h"
#include "data/prepare_state.h"

/* The k-th smallest of v[0..n), 0 <= k < n, by Hoare's selection; reorders v. */
static int64_t select_kth(int64_t *v, int64_t n, int64_t k) {
    int64_t low = 0, high = n - 1;
    while (low < high) {
        const int64_t a = v[low], b = v[low + (high - low) / 2], c = v[high];
        const int64_t pivot = a < b ? (b < c ? b : (a < c ? c : a)) : (a < c ? a : (b < c ? c : b));
        int64_t i = low, j = high;
        while (i <= j) {
            while (v[i] < pivot) i++;
            while (v[j] > pivot) j--;
            if (i > j) break;
            const int64_t swap = v[i];
            v[i++] = v[j];
            v[j--] = swap;
        }
        if (k <= j)
            high = j;
        else if (k >= i)
            low = i;
        else
            break;
    }
    return v[k];
}

static int64_t count_before(const int64_t *v, int64_t n, int64_t moment) {
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) count += v[i] < moment;
    return count;
}

/* The moment from which the last `share` * total of the first n times on lie; equal times go to the later
 * part. */
static int64_t moment_of_share(int64_t *v, int64_t total, int64_t n, double share) {
    const int64_t later = (int64_t)floor(share * (double)total + 0.5);
    const int64_t last = select_kth(v, total, n - 1);
    if (later <= 0) return last == INT64_MAX ? last : last + 1;
    return select_kth(v, total, n > later ? n - later : 0);
}

static ct_status given_moment(const char *key, const char *text, int64_t *moment, ct_error *err) {
    if (ct_parse_time(text, moment)) return CT_OK;
    return ct_fail(err, CT_ERR_CONFIG, "%s: '%s' is neither seconds nor ISO 8601", key, text);
}

static ct_status find_moments(ct__prepare *p, int64_t *times, ct_error *err) {
    const ct_config_eval *eval = &p->config->eval;
    const int64_t n = p->n_inters;
    if (eval->test_time)
        CT_CHECK(given_moment("eval.split.test_time", eval->test_time, &p->test_time, err));
    else
        p->test_time = moment_of_share(times, n, n, eval->test);
    const int64_t before_test = count_before(times, n, p->test_time);
    if (eval->valid_time)
        CT_CHECK(given_moment("eval.split.valid_time", eval->valid_time, &p->valid_time, err));
    else
        p->valid_time = before_test > 0 ? moment_of_share(times, n, before_test, eval->valid) : p->test_time;
    if (p->valid_time > p->test_time && eval->valid_time)
        return ct_fail(err, CT_ERR_CONFIG,
                       "eval.split: validation begins at %lld, after the test's begin at %lld",
                       (long long)p->valid_time, (long long)p->test_time);
    if (p->valid_time > p->test_time) p->valid_time = p->test_time;

    const int64_t training = count_before(times, n, p->valid_time);
    if (training == 0)
        return ct_fail(
            err, CT_ERR_DATA,
            "eval.split: no interaction is earlier than the validation's begin at %lld, so there is nothing "
            "to train on (the times lie in %lld .. %lld)",
            (long long)p->valid_time, (long long)select_kth(times, n, 0),
            (long long)select_kth(times, n, n - 1));
    return CT_OK;
}

/* The same two moments for everybody may leave a platform, whose data ends earlier, without anything to test
 * on. */
static void warn_untested(const ct__prepare *p) {
    int64_t k = 0;
    for (int i = 0; i < p->config->n_platforms; i++) {
        const ct_prepare_platform *c = p->platforms[i].counts;
        int64_t tested = 0;
        for (const int64_t end = k + c->n_interactions; k < end; k++)
            tested += p->inters[p->order[k]].time >= p->test_time;
        if (tested == 0)
            ct_log(CT_LOG_WARNING,
                   "platform '%s': all of its interactions are earlier than the test's begin at %lld, so it "
                   "is not "
                   "tested; give other moments, or use eval.split: last",
                   c->name, (long long)p->test_time);
    }
}

ct_status ct__prepare_split(ct__prepare *p, ct_error *err) {
    ct_status st = CT_OK;
    int64_t *times = NULL;
    p->valid_time = p->test_time = 0;
    if (p->config->eval.split != CT_SPLIT_TIME) return CT_OK;
    CT_TRY(ct_calloc((size_t)p->n_inters, sizeof *times, (void **)&times, err), st, done);
    for (int64_t k = 0; k < p->n_inters; k++) times[k] = p->inters[p->order[k]].time;
    CT_TRY(find_moments(p, times, err), st, done);
    if (p->config->eval.test_time || p->config->eval.test > 0) warn_untested(p);
done:
    ct_free(times);
    return st;
}
