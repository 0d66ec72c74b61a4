#include "sensors.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "events.h"

enum { MOST_CPUS = 64, MOST_ZONES = 100, NAME_ROOM = 48, PATH_ROOM = 96 };

struct sensor {
    char name[NAME_ROOM];
    char path[PATH_ROOM];
};

/* Names of zones that hold a percentage, and parts of names of those that hold volts, amperes,
 * limits, differences or counts. bench/devices/remote/facts/temperatures.py has the same two lists. */
static const char *const percentages[] = {"soc", "socd"};
static const char *const not_celsius[] = {
    "vbat", "ibat", "vbus", "ibus", "vph", "bcl", "batoilo", "vdroop", "ocp", "smpl", "uvlo",
    "lmh", "cycle", "minus", "volt", "curr", "percent",
};

static struct sensor clocks[MOST_CPUS], zones[MOST_ZONES];
static int clock_count, zone_count;

static bool read_text(const char *path, char *text, int room)
{
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return false;
    bool found = fgets(text, room, file) != NULL;
    fclose(file);
    if (found)
        text[strcspn(text, "\n")] = '\0';
    return found && text[0] != '\0';
}

static bool read_number(const char *path, double *value)
{
    char text[64], *end = NULL;
    if (!read_text(path, text, sizeof text))
        return false;
    *value = strtod(text, &end);
    return end != text;
}

static bool is_temperature(const char *type)
{
    for (size_t i = 0; i < sizeof percentages / sizeof *percentages; i++)
        if (strcasecmp(type, percentages[i]) == 0)
            return false;
    for (size_t i = 0; i < sizeof not_celsius / sizeof *not_celsius; i++)
        if (strcasestr(type, not_celsius[i]) != NULL)
            return false;
    return true;
}

static bool is_known(const char *name)
{
    for (int i = 0; i < zone_count; i++)
        if (strcmp(zones[i].name, name) == 0)
            return true;
    return false;
}

static void open_zone(int number)
{
    struct sensor *zone = &zones[zone_count];
    char path[PATH_ROOM], type[NAME_ROOM - 8];
    double value = 0;
    snprintf(path, sizeof path, "/sys/class/thermal/thermal_zone%d/type", number);
    snprintf(zone->path, sizeof zone->path, "/sys/class/thermal/thermal_zone%d/temp", number);
    if (!read_text(path, type, sizeof type) || !is_temperature(type))
        return;
    if (!read_number(zone->path, &value))
        return;
    /* Several zones may be of one type; a name stands once in an event. */
    if (is_known(type))
        snprintf(zone->name, sizeof zone->name, "%s#%d", type, number);
    else
        snprintf(zone->name, sizeof zone->name, "%s", type);
    zone_count++;
}

void sensors_open(void)
{
    double value = 0;
    for (int cpu = 0; cpu < MOST_CPUS; cpu++) {
        struct sensor *clock = &clocks[clock_count];
        snprintf(clock->name, sizeof clock->name, "cpu%d", cpu);
        snprintf(clock->path, sizeof clock->path,
                 "/sys/devices/system/cpu/cpu%d/cpufreq/scaling_cur_freq", cpu);
        if (read_number(clock->path, &value))
            clock_count++;
    }
    for (int number = 0; number < MOST_ZONES; number++)
        open_zone(number);
}

/* Thousandths of a degree, tenths or whole ones, as makers have it; NAN for what none of them can
 * be, as bench/devices/remote/facts/temperatures.py has it. */
static double celsius(double reading)
{
    if ((reading > -5000 && reading < 5) || (reading > 1000 && reading < 5000))
        return NAN;
    double size = reading < 0 ? -reading : reading;
    double value = size > 1000 ? reading / 1000 : reading > 150 ? reading / 10 : reading;
    return value > -20 && value < 125 ? value : NAN;
}

void sensors_write(void)
{
    double value = 0;
    event_open("frequencies_khz");
    for (int i = 0; i < clock_count; i++)
        if (read_number(clocks[i].path, &value))
            event_number(clocks[i].name, value);
    event_close();
    event_open("temperatures_c");
    for (int i = 0; i < zone_count; i++)
        if (read_number(zones[i].path, &value) && !isnan(celsius(value)))
            event_number(zones[i].name, celsius(value));
    event_close();
    if (read_number("/proc/loadavg", &value))
        event_number("load_average", value);
    else
        event_null("load_average");
}
