/* Times .tflite models on the phone itself.
 *
 *     runner JOBFILE                                measure; a line `pass` on stdin for each pass
 *     runner --infer MODEL IN OUT [THREADS [FP16]]  raw values of all inputs, and of all outputs
 *     runner --profile MODEL [THREADS [FP16]]       time of each operator
 *     runner --version
 *
 * Everything it says is events on stdout, see events.h. It never outlives its stdin. */
#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chance.h"
#include "events.h"
#include "job.h"
#include "litert.h"
#include "passes.h"
#include "sensors.h"

#define RUNNER_VERSION "1"
#ifndef LITERT_VERSION
#define LITERT_VERSION "unknown"
#endif

enum { ORDER_STREAM = 0, LAYOUT_STREAM = 1, INPUT_STREAM = 2, PROFILE_RUNS = 50 };

static void pin_to(uint64_t mask)
{
    cpu_set_t cores;
    if (mask == 0)
        return;
    CPU_ZERO(&cores);
    for (size_t core = 0; core < 64; core++)
        if ((mask >> core & 1) != 0)
            CPU_SET(core, &cores);
    if (sched_setaffinity(0, sizeof cores, &cores) != 0)
        fail(EXIT_BAD_INPUT, "", "cannot stay on cores %llx: %s; name others",
             (unsigned long long)mask, strerror(errno));
}

/* Standard normal values; as int8, 32 steps for a standard deviation. */
static void set_random_input(struct litert_model *model, size_t input, struct chance *inputs)
{
    const struct tensor *tensor = &model->inputs.each[input];
    if (tensor->element != ELEMENT_FLOAT32 && tensor->element != ELEMENT_INT8)
        fail(EXIT_BAD_INPUT, model->path,
             "an input is neither float32 nor int8; name a file of its values in the job");
    float *values = allocate(tensor->values, sizeof *values);
    fill_normal(inputs, values, tensor->values);
    if (tensor->element == ELEMENT_INT8) {
        int8_t *bytes = (int8_t *)values; /* each byte is written after its float was read */
        for (size_t i = 0; i < tensor->values; i++) {
            float value = roundf(32 * values[i]);
            bytes[i] = (int8_t)(value < -128 ? -128 : value > 127 ? 127 : value);
        }
    }
    litert_set_input(model, input, values);
    free(values);
}

static void *read_values(const char *path, size_t size)
{
    char *values = allocate(size + 1, 1);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail(EXIT_BAD_INPUT, path, "cannot read the input: %s", strerror(errno));
    size_t got = fread(values, 1, size + 1, file);
    fclose(file);
    if (got != size)
        fail(EXIT_BAD_INPUT, path, "the input is not the model's %zu bytes", size);
    return values;
}

static void set_inputs(struct litert_model *model, const char *path, struct chance *inputs)
{
    if (path == NULL) {
        for (size_t i = 0; i < model->inputs.count; i++)
            set_random_input(model, i, inputs);
        return;
    }
    void *values = read_values(path, bytes_of(&model->inputs));
    litert_set_inputs(model, values);
    free(values);
}

/* Memory is laid out in an order of this load's own. */
static struct litert_model *load_all(const struct job *job)
{
    const struct litert_options options = {.threads = job->threads, .fp16 = job->fp16};
    struct litert_model *models = allocate((uint64_t)job->count, sizeof *models);
    int *places = allocate((uint64_t)job->count, sizeof *places);
    struct chance layout = chance_of(job->seed, LAYOUT_STREAM);
    struct chance inputs = chance_of(job->seed, INPUT_STREAM);
    for (int i = 0; i < job->count; i++)
        places[i] = i;
    shuffle(&layout, places, job->count);
    for (int i = 0; i < job->count; i++) {
        int place = places[i];
        int64_t start_ns = now_ns();
        struct litert_model *model = &models[place];
        *model = litert_load(job->models[place].path, &options);
        set_inputs(model, job->models[place].values, &inputs);
        event_begin("model");
        event_count("place", place);
        event_text("file", job->models[place].path);
        event_flag("whole_graph", model->whole_graph);
        event_count("load_ns", now_ns() - start_ns);
        event_end();
    }
    free(places);
    return models;
}

/* Read one line of stdin; whether another pass is wanted. Its end means stop. */
static bool another_pass(void)
{
    char line[16];
    size_t length = 0;
    for (;;) {
        char sign = '\0';
        ssize_t got = read(STDIN_FILENO, &sign, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        if (sign == '\n')
            break;
        if (length + 1 == sizeof line)
            fail(EXIT_BAD_INPUT, "", "stdin says neither pass nor stop");
        line[length++] = sign;
    }
    line[length] = '\0';
    if (strcmp(line, "pass") != 0 && strcmp(line, "stop") != 0)
        fail(EXIT_BAD_INPUT, "", "stdin says neither pass nor stop");
    return strcmp(line, "pass") == 0;
}

static void write_pass(int number, const struct visits *visits, const struct pass *pass)
{
    event_begin("pass");
    event_count("number", number);
    event_count("began_ns", pass->began_ns);
    event_count("ended_ns", pass->ended_ns);
    event_numbers("samples_ns", pass->samples_ns, visits->count, visits->calls);
    event_counts("order", pass->order, pass->visited);
    event_count("retaken", pass->visited - visits->count);
    event_count("kept", pass->kept);
    sensors_write();
    event_end();
}

static void write_begin(void)
{
    event_begin("begin");
    event_text("version", RUNNER_VERSION);
    event_text("litert", LITERT_VERSION);
    event_number("clock_cost_ns", clock_cost_ns());
    event_end();
}

static int measure(const char *path)
{
    struct job job = read_job(path);
    pin_to(job.cores); /* before the library makes a thread */
    write_begin();
    litert_open();
    sensors_open();
    struct visits visits = {
        .models = load_all(&job),
        .count = job.count,
        .calls = job.calls,
        .whole_process = job.threads > 1,
    };
    visits_open(&visits);
    event_begin("ready");
    event_counts("loops", visits.loops, visits.count);
    event_end();
    struct chance orders = chance_of(job.seed, ORDER_STREAM);
    struct pass pass = pass_make(&visits);
    int taken = 0;
    for (; another_pass(); taken++) {
        pass_take(&visits, &orders, &pass);
        write_pass(taken, &visits, &pass);
    }
    event_begin("end");
    event_count("passes", taken);
    event_end();
    for (int i = 0; i < visits.count; i++)
        litert_unload(&visits.models[i]);
    pass_free(&pass);
    free(visits.models);
    free(visits.loops);
    free_job(&job);
    litert_close();
    return 0;
}

static struct litert_options options_from(int count, char **values)
{
    struct litert_options options = {.threads = 1};
    uint64_t number = 0;
    if (count > 0 && !read_whole(values[0], 10, 1, MOST_THREADS, &number))
        fail(EXIT_BAD_INPUT, "", "threads must be a number from 1 to %d", MOST_THREADS);
    options.threads = count > 0 ? (int)number : 1;
    if (count > 1 && !read_whole(values[1], 10, 0, 1, &number))
        fail(EXIT_BAD_INPUT, "", "fp16 must be 0 or 1");
    options.fp16 = count > 1 && number == 1;
    return options;
}

static int infer(char **paths, struct litert_options options)
{
    litert_open();
    struct litert_model model = litert_load(paths[0], &options);
    size_t size = bytes_of(&model.outputs);
    void *given = read_values(paths[1], bytes_of(&model.inputs));
    void *made = allocate(size, 1);
    litert_set_inputs(&model, given);
    if (litert_run(&model) != 0)
        fail(EXIT_RUNTIME, paths[0], "LiteRT cannot run it");
    litert_get_outputs(&model, made);
    FILE *file = fopen(paths[2], "wb");
    if (file == NULL || fwrite(made, 1, size, file) != size || fclose(file) != 0)
        fail(EXIT_RUNTIME, paths[2], "cannot write the output: %s", strerror(errno));
    event_begin("inferred");
    event_count("bytes", (int64_t)size);
    event_flag("whole_graph", model.whole_graph);
    event_end();
    free(given);
    free(made);
    litert_unload(&model);
    litert_close();
    return 0;
}

static int profile(const char *path, struct litert_options options)
{
    options.profile = true;
    litert_open();
    struct litert_model model = litert_load(path, &options);
    int status = litert_run(&model); /* the first call is another thing */
    litert_start_profile(&model);
    for (int i = 0; i < PROFILE_RUNS && status == 0; i++)
        status = litert_run(&model);
    if (status != 0)
        fail(EXIT_RUNTIME, path, "LiteRT cannot run it (status %d)", status);
    event_begin("profile");
    event_count("runs", PROFILE_RUNS);
    char *summary = litert_profile(&model);
    event_text("summary", summary);
    event_end();
    free(summary);
    litert_unload(&model);
    litert_close();
    return 0;
}

int main(int count, char **words)
{
    if (count == 2 && strcmp(words[1], "--version") == 0) {
        write_begin();
        return 0;
    }
    if (count >= 5 && count <= 7 && strcmp(words[1], "--infer") == 0)
        return infer(words + 2, options_from(count - 5, words + 5));
    if (count >= 3 && count <= 5 && strcmp(words[1], "--profile") == 0)
        return profile(words[2], options_from(count - 3, words + 3));
    if (count == 2 && words[1][0] != '-')
        return measure(words[1]);
    fail(EXIT_BAD_INPUT, "",
         "expected JOBFILE, --infer MODEL IN OUT, --profile MODEL or --version");
}
