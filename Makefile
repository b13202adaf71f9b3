# Bocaditos. `make help` explains the targets.

GO       ?= go
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
BUILD    := build
export CGO_ENABLED = 0

# What the demo and the tests need of the host, by the names of Debian's
# packages (12 and 13).
DEMO_PACKAGES := qemu-system-x86 ovmf
TEST_PACKAGES := $(DEMO_PACKAGES) nix-bin git qemu-system-arm qemu-efi-aarch64 \
    apt-utils debian-archive-keyring gpg gpg-agent gpgconf gpgv \
    systemd systemd-container erofs-utils cryptsetup-bin dosfstools mtools fdisk gdisk \
    gcc libc6-dev flex bison gcc-aarch64-linux-gnu \
    attr libcap2-bin uidmap kmod cpio zstd xz-utils binutils file openssl sbsigntool \
    openssh-client postgresql-client swtpm python3 python3-pefile python3-jsonschema

.DEFAULT_GOAL := help

.PHONY: help
help: ## Explain the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: build ## Build examples/hello, boot it in QEMU, stop at its login prompt, and sum up
	@./scripts/ensure-packages $(DEMO_PACKAGES)
	@$(BUILD)/bocaditos build examples/hello/image.toml
	@$(BUILD)/bocaditos run --until 'login:' examples/hello

.PHONY: build
build: ## Build the command line tool into build/
	@mkdir -p $(BUILD)
	$(GO) build -trimpath -o $(BUILD)/ ./cmd/bocaditos

.PHONY: test
test: lint ## Install what the tests need, run all tests
	@./scripts/ensure-packages $(TEST_PACKAGES)
	$(GO) test -timeout 80m -p 2 ./...

.PHONY: lint
lint: ## gofmt, go vet, staticcheck
	@out=$$(gofmt -l .); if [ -n "$$out" ]; then echo "gofmt would change:"; echo "$$out"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

.PHONY: bench
bench: build ## Measure speed, memory and size; MKOSI=1 compares with mkosi, KERNEL=1 kernels
	@./scripts/ensure-packages $(TEST_PACKAGES) $(if $(MKOSI),mmdebstrap)
	@./scripts/bench

.PHONY: generate
generate: ## Write the generated reference and schema again
	BOCADITOS_UPDATE=1 $(GO) test ./builder/recipe

.PHONY: release
release: ## Static, reproducible binaries with their init inside, for amd64 and arm64, into dist/
	@./scripts/release $(VERSION)

.PHONY: clean
clean: ## Remove build results in the checkout (the cache stays)
	rm -rf $(BUILD) dist examples/*/out
