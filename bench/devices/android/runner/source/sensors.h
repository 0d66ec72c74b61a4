/* What /sys tells between passes: clocks and temperatures. */
#ifndef OFABENCH_SENSORS_H
#define OFABENCH_SENSORS_H

/* Find what can be read; once, before anything is timed. */
void sensors_open(void);

/* Add `frequencies_khz`, `temperatures_c` and `load_average` to the event in hand. */
void sensors_tell(void);

#endif
