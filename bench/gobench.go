package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"strconv"
	"strings"
	"text/tabwriter"
)

// goPackages are those whose benchmarks compare with another tool, or whose
// speed decides that of a build.
var goPackages = []string{"./erofs", "./verity", "./disk", "./unitfixup"}

// goBenchmarks runs the benchmarks of the packages and prints a line for each.
func goBenchmarks(ctx context.Context, w io.Writer) error {
	args := append([]string{"test", "-p", "1", "-run", "^$", "-bench", "."}, goPackages...)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 2, 8, 2, ' ', 0)
	fmt.Fprintf(t, "\nBenchmark\ttime\tspeed\tmore\n")
	pkg := ""
	var failed strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		line := lines.Text()
		if p, ok := strings.CutPrefix(line, "pkg: "); ok {
			pkg = path.Base(p)
		}
		if row, ok := benchLine(line); ok {
			fmt.Fprintf(t, "%s %s\n", pkg, row)
		} else if strings.Contains(line, "FAIL") || strings.HasPrefix(line, " ") {
			fmt.Fprintln(&failed, line)
		}
	}
	t.Flush()
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, &failed)
	}
	return nil
}

// benchLine turns a line of go test -bench into cells: name, time, speed, and
// what the benchmark reports of its own.
func benchLine(line string) (string, bool) {
	f := strings.Fields(line)
	if len(f) < 4 || !strings.HasPrefix(f[0], "Benchmark") {
		return "", false
	}
	name := strings.TrimPrefix(f[0], "Benchmark")
	if i := strings.LastIndexByte(name, '-'); i > 0 {
		name = name[:i] // the number of CPUs
	}
	time, speed, more := "", "", []string{}
	for i := 2; i+1 < len(f); i += 2 {
		n, err := strconv.ParseFloat(f[i], 64)
		if err != nil {
			return "", false
		}
		switch unit := f[i+1]; unit {
		case "ns/op":
			time = fmt.Sprintf("%.1f ms", n/1e6)
		case "MB/s":
			speed = fmt.Sprintf("%.0f MB/s", n)
		case "B/op":
			if n >= 1e5 { // not what starting another tool takes
				more = append(more, fmt.Sprintf("%.1f MB allocated", n/1e6))
			}
		case "allocs/op":
		default:
			more = append(more, fmt.Sprintf("%.4g %s", n, unit))
		}
	}
	return strings.Join([]string{name, time, speed, strings.Join(more, ", ")}, "\t"), true
}
