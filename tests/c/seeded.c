/* What a sanitizer must see. Argument: who uses freed memory, "host" or "library"; "leak" loses some. */
#include "check.h"

/* The library writes into what the host has freed. */
static void library(void) {
    foretick_engine_t engine = engine_of("threads = 0");
    foretick_lane_t lane = lane_of(engine);
    foretick_flow_t *volatile flow = (foretick_flow_t *)malloc(sizeof *flow);
    CHECK(flow != NULL);
    flow->struct_size = sizeof *flow;
    free(flow);
    OK(foretick_lane_advance(lane, START_NS, flow));
    OK(foretick_engine_close(engine));
}

static void host(void) {
    char *volatile text = (char *)malloc(8);
    CHECK(text != NULL);
    free(text);
    text[3] = 1;
}

static void leak(void) {
    char *volatile text = (char *)malloc(100);
    CHECK(text != NULL);
    text = NULL;
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    if (strcmp(argv[1], "library") == 0) library();
    else if (strcmp(argv[1], "host") == 0) host();
    else if (strcmp(argv[1], "leak") == 0) leak();
    else return 1;
    return 0;
}
