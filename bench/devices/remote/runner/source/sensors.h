/* Clocks and temperatures from /sys, read between passes. */
#ifndef OFABENCH_SENSORS_H
#define OFABENCH_SENSORS_H

/* Open the files that can be read; once, before anything is timed. */
void sensors_open(void);

/* Add `frequencies_khz`, `temperatures_c` and `load_average` to the current event. */
void sensors_write(void);

#endif
