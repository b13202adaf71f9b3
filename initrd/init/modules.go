package main

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unsafe"
)

type module struct {
	path     string
	needs    []string // paths of modules
	required bool
}

// parseModules reads "required PATH" and "optional PATH" lines, which go on
// with the paths of the modules that this one cannot be loaded without; the
// order of the lines is the order of loading.
func parseModules(text string) ([]module, error) {
	var modules []module
	for line := range strings.SplitSeq(text, "\n") {
		if line == "" {
			continue
		}
		words := strings.Split(line, " ")
		how, paths := words[0], words[1:]
		if how != "required" && how != "optional" || len(paths) == 0 {
			return nil, errors.New("bad line " + strconv.Quote(line))
		}
		for _, path := range paths {
			if !strings.HasPrefix(path, "/") {
				return nil, errors.New("bad line " + strconv.Quote(line))
			}
		}
		modules = append(modules, module{paths[0], paths[1:], how == "required"})
	}
	return modules, nil
}

// loadModules loads those of the list. There is none where the kernel has all
// that is needed built in.
func loadModules(list string) error {
	text, err := os.ReadFile(list)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return wrap("read list of modules", err)
	}
	modules, err := parseModules(string(text))
	if err != nil {
		return wrap("read list of modules "+list, err)
	}
	loaded, err := loadAll(modules, loadModule)
	if err != nil {
		return err
	}
	say(strconv.Itoa(loaded) + " of " + strconv.Itoa(len(modules)) + " modules loaded")
	return nil
}

// loadAll loads the modules one after the other and returns how many it did.
func loadAll(modules []module, load func(path string) error) (loaded int, err error) {
	failed := map[string]bool{}
	for _, m := range modules {
		// The kernel would list each symbol that it misses: those of Hyper-V's
		// bus, anywhere else.
		if !m.required && slices.ContainsFunc(m.needs, func(path string) bool { return failed[path] }) {
			failed[m.path] = true
			continue
		}
		err := load(m.path)
		if err == nil {
			loaded++
			continue
		}
		failed[m.path] = true
		switch {
		case m.required:
			return loaded, wrap("load module "+m.path, err)
		case err != syscall.ENODEV: // a driver whose hardware is not there
			say("load module " + m.path + ": " + err.Error())
		}
	}
	return loaded, nil
}

func loadModule(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var parameters [1]byte // an empty string
	_, _, errno := syscall.Syscall(sysFinitModule, f.Fd(), uintptr(unsafe.Pointer(&parameters)), 0)
	if errno != 0 && errno != syscall.EEXIST {
		return errno
	}
	return nil
}
