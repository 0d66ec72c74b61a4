#include "passes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "events.h"

/* As in bench/timing/host_visits.py. */
enum { RETAKE_ROUNDS = 3, CLOCK_READINGS = 201 };
static const double MAX_DISTORTION = 0.01, RETAKE_SHARE = 0.5;

int64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC_RAW, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static int compare(const void *one, const void *other)
{
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return (a > b) - (a < b);
}

double clock_cost_ns(void)
{
    int64_t readings[CLOCK_READINGS];
    for (int i = 0; i < CLOCK_READINGS; i++)
        readings[i] = now_ns();
    for (int i = 0; i + 1 < CLOCK_READINGS; i++)
        readings[i] = readings[i + 1] - readings[i];
    int count = CLOCK_READINGS - 1;
    qsort(readings, (size_t)count, sizeof readings[0], compare);
    return (double)(readings[count / 2 - 1] + readings[count / 2]) / 2;
}

static void call(struct litert_model *model)
{
    int status = litert_run(model);
    if (status != 0)
        fail(EXIT_RUNTIME, model->path, "LiteRT cannot run it any more (status %d)", status);
}

void visits_open(struct visits *visits)
{
    for (int i = 0; i < visits->count; i++)
        call(&visits->models[i]);
    visits->clock_cost_ns = clock_cost_ns();
    double least_ns = visits->clock_cost_ns / MAX_DISTORTION;
    visits->loops = allocate((uint64_t)visits->count, sizeof *visits->loops);
    for (int i = 0; i < visits->count; i++) {
        int64_t start_ns = now_ns();
        call(&visits->models[i]);
        int64_t took_ns = now_ns() - start_ns;
        double loops = ceil(least_ns / (double)(took_ns < 1 ? 1 : took_ns));
        visits->loops[i] = loops < 1 ? 1 : (int)loops;
    }
}

static long switches(const struct visits *visits)
{
    struct rusage usage;
    getrusage(visits->whole_process ? RUSAGE_SELF : RUSAGE_THREAD, &usage);
    return usage.ru_nivcsw;
}

/* Time one visit; whether nothing disturbed it. */
static bool visit(struct visits *visits, int item, double *into_ns)
{
    struct litert_model *model = &visits->models[item];
    int loops = visits->loops[item];
    long before = switches(visits);
    for (int i = 0; i < visits->calls; i++) {
        int64_t start_ns = now_ns();
        for (int loop = 0; loop < loops; loop++)
            call(model);
        into_ns[i] = (double)(now_ns() - start_ns) / loops;
    }
    return switches(visits) == before;
}

/* Visit all that is pending; leave the disturbed ones in it and return how many they are. */
static int round_of(struct visits *visits, struct pass *pass, int *pending, int count)
{
    int bad = 0;
    for (int i = 0; i < count; i++) {
        int item = pending[i];
        pass->order[pass->visited++] = item;
        if (!visit(visits, item, pass->samples_ns + (size_t)item * (size_t)visits->calls))
            pending[bad++] = item;
    }
    return bad;
}

struct pass pass_make(const struct visits *visits)
{
    uint64_t count = (uint64_t)visits->count;
    struct pass made = {
        .samples_ns = allocate(count * (uint64_t)visits->calls, sizeof(double)),
        .order = allocate(count * (1 + RETAKE_ROUNDS), sizeof(int)),
    };
    return made;
}

void pass_free(struct pass *pass)
{
    free(pass->samples_ns);
    free(pass->order);
}

void pass_take(struct visits *visits, struct chance *chance, struct pass *pass)
{
    int *pending = allocate((uint64_t)visits->count, sizeof *pending);
    int left = visits->count;
    double most_ns = INFINITY;
    for (int i = 0; i < left; i++)
        pending[i] = i;
    pass->visited = 0;
    pass->began_ns = now_ns();
    for (int taken = 0; taken <= RETAKE_ROUNDS && left > 0; taken++) {
        shuffle(chance, pending, left);
        /* The first call of a visit must find the caches as another model left them. */
        if (pass->visited > 0 && visits->count > 1 && pass->order[pass->visited - 1] == pending[0])
            call(&visits->models[(pending[0] + 1) % visits->count]);
        left = round_of(visits, pass, pending, left);
        double spent_ns = (double)(now_ns() - pass->began_ns);
        most_ns = fmin(most_ns, (1 + RETAKE_SHARE) * spent_ns);
        if (spent_ns > most_ns)
            break;
    }
    pass->ended_ns = now_ns();
    pass->kept = left;
    free(pending);
}
