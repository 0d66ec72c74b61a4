/* The measuring protocol, as bench/timing/host_visits.py has it: shuffled passes of visits of calls. */
#ifndef OFABENCH_PASSES_H
#define OFABENCH_PASSES_H

#include <stdbool.h>
#include <stdint.h>

#include "chance.h"
#include "litert.h"

struct visits {
    struct litert_model *models;
    int count;
    int calls;          /* of a visit */
    int *loops;         /* calls that are timed together, for each model */
    bool whole_process; /* threads of the library work too: their switches count */
    double clock_cost_ns;
};

struct pass {
    double *samples_ns; /* models x calls */
    int *order;         /* places in the order of all visits, retakes included */
    int visited;        /* how many of them */
    int kept;           /* disturbed visits that remain */
    int64_t began_ns, ended_ns;
};

int64_t now_ns(void); /* CLOCK_MONOTONIC_RAW: no clock setting moves it */

/* Median of readings back to back: what a timed stretch gains from being timed. */
double clock_cost_ns(void);

/* Call every model once, then find how many calls must be timed together. */
void visits_open(struct visits *visits);

struct pass pass_make(const struct visits *visits);
void pass_free(struct pass *pass);
void pass_take(struct visits *visits, struct chance *chance, struct pass *pass);

#endif
