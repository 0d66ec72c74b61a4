#include "chance.h"

#include <math.h>

/* SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014. */
static uint64_t next(struct chance *chance)
{
    uint64_t z = chance->state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

struct chance chance_of(uint64_t seed, uint64_t stream)
{
    struct chance mixer = {seed};
    struct chance found = {next(&mixer) ^ (stream * 0xD1342543DE82EF95u)};
    found.state = next(&found);
    return found;
}

void shuffle(struct chance *chance, int *values, int count)
{
    for (int left = count; left > 1; left--) {
        /* The bias of a remainder is below 1e-15 for so few. */
        int other = (int)(next(chance) % (uint64_t)left);
        int kept = values[left - 1];
        values[left - 1] = values[other];
        values[other] = kept;
    }
}

void fill_normal(struct chance *chance, float *values, size_t count)
{
    const double turn = 6.283185307179586;
    for (size_t i = 0; i < count; i += 2) {
        /* Box and Muller, 1958; the first number is above 0. */
        double first = ((double)(next(chance) >> 11) + 1) / 9007199254740993.0;
        double second = (double)(next(chance) >> 11) / 9007199254740992.0;
        double radius = sqrt(-2 * log(first));
        values[i] = (float)(radius * cos(turn * second));
        if (i + 1 < count)
            values[i + 1] = (float)(radius * sin(turn * second));
    }
}
