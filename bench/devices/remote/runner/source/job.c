#include "job.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "events.h"

enum { LINE_ROOM = 4096, VERSIONS = 2 };

bool read_whole(const char *text, int base, uint64_t least, uint64_t most, uint64_t *found)
{
    char *end = NULL;
    if (!isxdigit((unsigned char)text[0]))
        return false; /* strtoull would take spaces and signs */
    errno = 0;
    unsigned long long value = strtoull(text, &end, base);
    if (errno != 0 || *end != '\0' || value < least || value > most)
        return false;
    *found = value;
    return true;
}

/* The job file's folder before a file's own path, so that a job works from anywhere. */
static char *beside(const char *job_path, const char *file)
{
    const char *slash = strrchr(job_path, '/');
    size_t folder = slash == NULL ? 0 : (size_t)(slash - job_path) + 1;
    size_t length = strlen(file);
    char *path = allocate(folder + length + 1, 1);
    memcpy(path, job_path, folder);
    memcpy(path + folder, file, length);
    return path;
}

static void add_model(struct job *job, const char *job_path, const char *model)
{
    if (job->count == MOST_MODELS)
        fail(EXIT_BAD_INPUT, job_path, "more than %d models in a job; give fewer", MOST_MODELS);
    /* Doubled at powers of two. */
    if ((job->count & (job->count - 1)) == 0) {
        size_t room = job->count == 0 ? 1 : 2 * (size_t)job->count;
        struct job_model *grown = allocate(room, sizeof *grown);
        if (job->count > 0)
            memcpy(grown, job->models, (size_t)job->count * sizeof *grown);
        free(job->models);
        job->models = grown;
    }
    job->models[job->count++] = (struct job_model){.path = beside(job_path, model)};
}

/* Name the values of the last model; false where there is none, or it has some. */
static bool add_values(struct job *job, const char *job_path, const char *values)
{
    if (job->version < 2 || job->count == 0 || job->models[job->count - 1].values != NULL)
        return false;
    job->models[job->count - 1].values = beside(job_path, values);
    return true;
}

static bool read_field(struct job *job, const char *key, const char *value)
{
    uint64_t number = 0;
    if (strcmp(key, "threads") == 0 && read_whole(value, 10, 1, MOST_THREADS, &number))
        job->threads = (int)number;
    else if (strcmp(key, "cores") == 0)
        return read_whole(value, 16, 0, UINT64_MAX, &job->cores);
    else if (strcmp(key, "fp16") == 0 && read_whole(value, 10, 0, 1, &number))
        job->fp16 = number == 1;
    else if (strcmp(key, "calls") == 0 && read_whole(value, 10, 1, MOST_CALLS, &number))
        job->calls = (int)number;
    else if (strcmp(key, "seed") == 0)
        return read_whole(value, 10, 0, UINT64_MAX, &job->seed);
    else
        return false;
    return true;
}

static void read_line(struct job *job, const char *path, char *line, int number)
{
    line[strcspn(line, "\r\n")] = '\0';
    char *space = strchr(line, ' ');
    char *value = space == NULL ? line + strlen(line) : space + 1;
    if (space != NULL)
        *space = '\0';
    uint64_t version = 0;
    if (number == 1) {
        if (strcmp(line, "ofabench-job") != 0 || !read_whole(value, 10, 1, VERSIONS, &version))
            fail(EXIT_BAD_INPUT, path, "not a job of this runner: expected ofabench-job 1 or 2");
        job->version = (int)version;
    } else if (strcmp(line, "model") == 0 && value[0] != '\0') {
        add_model(job, path, value);
    } else if (strcmp(line, "values") == 0 && value[0] != '\0' && add_values(job, path, value)) {
        return;
    } else if (!read_field(job, line, value)) {
        fail(EXIT_BAD_INPUT, path, "line %d of the job is not to be understood: %.80s", number, line);
    }
}

struct job read_job(const char *path)
{
    struct job job = {.threads = 1, .calls = 3};
    char line[LINE_ROOM];
    FILE *file = fopen(path, "r");
    if (file == NULL)
        fail(EXIT_BAD_INPUT, path, "cannot read the job: %s", strerror(errno));
    int number = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        if (strchr(line, '\n') == NULL)
            fail(EXIT_BAD_INPUT, path, "line %d of the job is cut short or too long", number + 1);
        read_line(&job, path, line, ++number);
    }
    fclose(file);
    if (job.count == 0)
        fail(EXIT_BAD_INPUT, path, "the job names no model");
    return job;
}

void free_job(struct job *job)
{
    for (int i = 0; i < job->count; i++) {
        free(job->models[i].path);
        free(job->models[i].values);
    }
    free(job->models);
    job->models = NULL;
    job->count = 0;
}
