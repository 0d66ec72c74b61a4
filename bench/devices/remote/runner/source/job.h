/* The job: what to load and how to visit it, as lines of `key value`.
 *
 * In version 2 a line `values PATH` after a model's names the file of its inputs' values: those of
 * every input in the signature's order, as they lie in memory, little-endian, nothing between. */
#ifndef OFABENCH_JOB_H
#define OFABENCH_JOB_H

#include <stdbool.h>
#include <stdint.h>

enum { MOST_MODELS = 20000, MOST_CALLS = 1000, MOST_THREADS = 64 };

struct job_model {
    char *path;
    char *values; /* path of its inputs' values; NULL for random ones */
};

struct job {
    int version;
    int threads;
    uint64_t cores; /* affinity mask, 0 for unpinned */
    bool fp16;
    int calls;     /* of a visit */
    uint64_t seed; /* of visit orders and inputs */
    int count;
    struct job_model *models; /* one a workload */
};

/* Read a job file; an error event and the end where it is not one. */
struct job read_job(const char *path);
void free_job(struct job *job);

/* Read a whole number within bounds from text that holds nothing else. */
bool read_whole(const char *text, int base, uint64_t least, uint64_t most, uint64_t *found);

#endif
