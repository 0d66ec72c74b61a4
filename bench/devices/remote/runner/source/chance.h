/* Chance that is the same for the same seed: orders of visits, and inputs. */
#ifndef OFABENCH_CHANCE_H
#define OFABENCH_CHANCE_H

#include <stddef.h>
#include <stdint.h>

struct chance {
    uint64_t state;
};

struct chance chance_of(uint64_t seed, uint64_t stream);
void shuffle(struct chance *chance, int *values, int count);
void fill_normal(struct chance *chance, float *values, size_t count); /* standard normal */

#endif
