/* JSON parsers side by side: the same bodies to the same matrix of checked float32.
 *
 *   parsers [ROUNDS]        make bench-parsers
 *
 * mlpd's intake takes a body in chunks, as it comes from a socket; the others get it whole
 * and for nothing, padded where they want that.  Each one's matrix is compared to the bit
 * with mlpd's before anything is measured.  One thread and its CPU time, by turns, each
 * twice, of which the second counts: then its memory and the body are where they are when
 * it alone is used.  Medians of the rounds. */
#include <jansson.h>
#include <simdjson.h>
#if __has_include(<yyjson.h>)
#include <yyjson.h>
#define HAVE_YYJSON
#endif

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "tests/bench/intake_load.h"

namespace {

struct subject {
    intake_load *load;
    simdjson::padded_string body;
    std::vector<float> inputs;
    std::vector<int> labels;
};

void take_number(subject &s, double value) {
    const float number = float(value);
    if (!std::isfinite(number)) {
        throw std::runtime_error("beyond float32");
    }
    s.inputs.push_back(number);
}

void end_row(const subject &s, size_t before) {
    if (s.inputs.size() - before != s.load->columns) {
        throw std::runtime_error("a row of another width");
    }
}

void run_on_demand(subject &s) {
    static simdjson::ondemand::parser parser;
    simdjson::ondemand::document document = parser.iterate(s.body);
    for (simdjson::ondemand::array row : document["inputs"]) {
        const size_t before = s.inputs.size();
        for (double value : row) {
            take_number(s, value);
        }
        end_row(s, before);
    }
    for (int64_t label : document["labels"]) {
        s.labels.push_back(int(label));
    }
}

void run_dom(subject &s) {
    static simdjson::dom::parser parser;
    const simdjson::dom::element document = parser.parse(s.body);
    for (simdjson::dom::array row : document["inputs"]) {
        const size_t before = s.inputs.size();
        for (double value : row) {
            take_number(s, value);
        }
        end_row(s, before);
    }
    for (int64_t label : document["labels"]) {
        s.labels.push_back(int(label));
    }
}

#ifdef HAVE_YYJSON
void run_yyjson(subject &s) {
    yyjson_doc *document = yyjson_read(s.body.data(), s.body.size(), 0);
    yyjson_val *root = yyjson_doc_get_root(document), *row, *value;
    size_t i, j, n, m;
    yyjson_arr_foreach(yyjson_obj_get(root, "inputs"), i, n, row) {
        const size_t before = s.inputs.size();
        yyjson_arr_foreach(row, j, m, value) {
            take_number(s, yyjson_get_num(value));
        }
        end_row(s, before);
    }
    yyjson_arr_foreach(yyjson_obj_get(root, "labels"), i, n, value) {
        s.labels.push_back(int(yyjson_get_uint(value)));
    }
    yyjson_doc_free(document);
}
#endif

void run_jansson(subject &s) {
    json_t *document = json_loadb(s.body.data(), s.body.size(), JSON_REJECT_DUPLICATES, nullptr);
    size_t i, j;
    json_t *row, *value;
    json_array_foreach(json_object_get(document, "inputs"), i, row) {
        const size_t before = s.inputs.size();
        json_array_foreach(row, j, value) {
            take_number(s, json_number_value(value));
        }
        end_row(s, before);
    }
    json_array_foreach(json_object_get(document, "labels"), i, value) {
        s.labels.push_back(int(json_integer_value(value)));
    }
    json_decref(document);
}

double run_intake(subject &s) {
    return intake_load_run(s.load, nullptr);
}

/* The matrix is a new one each time, as mlpd's is, which is handed on. */
template <void run(subject &)> double timed(subject &s) {
    const double start = intake_load_clock();
    s.inputs = std::vector<float>();
    s.labels = std::vector<int>();
    s.inputs.reserve(s.load->rows * s.load->columns);
    s.labels.reserve(s.load->rows);
    run(s);
    return intake_load_clock() - start;
}

const struct {
    const char *name;
    double (*run)(subject &s); /* CPU seconds */
} parsers[] = {
    {"mlpd", run_intake},
    {"simdjson on demand", timed<run_on_demand>},
    {"simdjson dom", timed<run_dom>},
#ifdef HAVE_YYJSON
    {"yyjson", timed<run_yyjson>},
#endif
    {"jansson", timed<run_jansson>},
};
constexpr size_t PARSERS = sizeof parsers / sizeof *parsers;

void expect_equal(subject &s) {
    std::vector<float> wanted(s.load->rows * s.load->columns);
    intake_load_run(s.load, wanted.data());
    for (size_t p = 1; p < PARSERS; p++) {
        parsers[p].run(s);
        if (s.inputs.size() != wanted.size() || s.labels.size() != s.load->rows ||
            std::memcmp(s.inputs.data(), wanted.data(), wanted.size() * sizeof(float)) != 0) {
            std::fprintf(stderr, "parsers: %s and mlpd read different numbers\n", parsers[p].name);
            std::exit(EXIT_FAILURE);
        }
    }
}

void compare(intake_body body, size_t rounds) {
    intake_load *load = intake_load_create(body);
    subject s = {load, simdjson::padded_string(load->bytes, load->size), {}, {}};
    const double bytes = double(load->size), numbers = double(load->rows * load->columns);
    std::vector<double> seconds[PARSERS];
    expect_equal(s);
    for (size_t round = 0; round < rounds; round++) {
        for (size_t p = 0; p < PARSERS; p++) {
            parsers[p].run(s);
            seconds[p].push_back(parsers[p].run(s));
        }
    }
    std::printf("%s, %.1f bytes a number\n", intake_body_name(body), bytes / numbers);
    for (size_t p = 0; p < PARSERS; p++) {
        std::nth_element(seconds[p].begin(), seconds[p].begin() + long(rounds / 2),
                         seconds[p].end());
        const double median = seconds[p][rounds / 2];
        std::printf("  %-20s %6.0f MB/s %7.1f M numbers/s\n", parsers[p].name, bytes / median / 1e6,
                    numbers / median / 1e6);
    }
    intake_load_destroy(load);
}

} // namespace

int main(int argc, char **argv) {
    const size_t rounds = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 21;
    std::printf("simdjson %d.%d.%d, its '%s' kernel; jansson %s\n",
                simdjson::SIMDJSON_VERSION_MAJOR, simdjson::SIMDJSON_VERSION_MINOR,
                simdjson::SIMDJSON_VERSION_REVISION,
                simdjson::get_active_implementation()->name().c_str(), JANSSON_VERSION);
    for (int body = INTAKE_JSON_SHORT; body <= INTAKE_JSON_NARROW; body++) {
        compare(intake_body(body), rounds > 0 ? rounds : 1);
    }
    return EXIT_SUCCESS;
}
