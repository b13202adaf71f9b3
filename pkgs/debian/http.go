package debian

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// attempts is how often a request is made before a mirror counts as down;
// stalled is how long it may send nothing.
const (
	attempts = 5
	stalled  = 30 * time.Second
)

// client speaks http, https and file, through the proxies of the host's apt.
type client struct {
	http.Client
	config map[string]string

	mu       sync.Mutex
	detected map[string]string // by host: what the host's proxy detection said
}

func (a *Archive) client(ctx context.Context) (*client, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.clientLocked(ctx)
}

func (a *Archive) clientLocked(ctx context.Context) (*client, error) {
	if a.http == nil {
		config, err := hostConfig(ctx)
		if err != nil {
			return nil, err
		}
		if a.http, err = newClient(config); err != nil {
			return nil, err
		}
	}
	return a.http, nil
}

func newClient(config map[string]string) (*client, error) {
	c := &client{config: config, detected: map[string]string{}}
	t := &http.Transport{
		Proxy:                 c.proxy,
		DialContext:           (&net.Dialer{Timeout: stalled}).DialContext,
		TLSHandshakeTimeout:   stalled,
		ResponseHeaderTimeout: stalled,
		IdleConnTimeout:       stalled,
		MaxIdleConnsPerHost:   parallel,
		ForceAttemptHTTP2:     true,
		DisableCompression:    true, // sizes and ranges are those of the file
	}
	if file := config["acquire::https::cainfo"]; file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read the certificates that the host's apt trusts: %w", err)
		}
		pool, err := x509.SystemCertPool()
		if err != nil {
			return nil, err
		}
		pool.AppendCertsFromPEM(pem)
		t.TLSClientConfig = &tls.Config{RootCAs: pool}
	}
	t.RegisterProtocol("file", http.NewFileTransport(http.Dir("/")))
	c.Transport = t
	return c, nil
}

// proxy chooses as apt does (apt-transport-http(1)): by host, in general, by
// asking a program, from the environment. https without own settings uses those of http.
func (c *client) proxy(req *http.Request) (*url.URL, error) {
	host := strings.ToLower(req.URL.Hostname())
	schemes := []string{"http"}
	if req.URL.Scheme == "https" {
		schemes = []string{"https", "http"}
	}
	value := ""
	for _, s := range schemes {
		prefix := "acquire::" + s + "::proxy"
		if value = c.config[prefix+"::"+host]; value != "" {
			break
		}
		if value = c.config[prefix]; value != "" {
			break
		}
		if program := c.config[prefix+"-auto-detect"]; program != "" {
			if value = c.detect(req.Context(), program, host, s+"://"+req.URL.Host+"/"); value != "" {
				break
			}
		}
	}
	switch {
	case value == "":
		return http.ProxyFromEnvironment(req)
	case strings.EqualFold(value, "DIRECT") || strings.EqualFold(value, "false"):
		return nil, nil
	}
	u, err := url.Parse(value)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("the host's apt is configured to use the proxy %q, which is not a URL", value)
	}
	return u, nil
}

func (c *client) detect(ctx context.Context, program, host, uri string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	value, ok := c.detected[host]
	if !ok {
		// To apt, too, a program that fails means no proxy.
		out, _ := exec.CommandContext(ctx, program, uri).Output()
		value = strings.TrimSpace(string(out))
		c.detected[host] = value
	}
	return value
}

// statusError is an answer other than the one wanted.
type statusError struct {
	uri  string
	code int
}

func (e *statusError) Error() string {
	return fmt.Sprintf("%s: %d %s", e.uri, e.code, strings.ToLower(http.StatusText(e.code)))
}

func (e *statusError) absent() bool {
	return e.code == http.StatusNotFound || e.code == http.StatusGone
}

// permanent marks an error that trying again does not help.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// do makes a request from offset on and hands the response's body to read,
// with a watch on its progress. A status other than OK is an error, permanent if the
// mirror means it.
func (c *client) do(ctx context.Context, method, uri string, offset int64, read func(*http.Response) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(stalled, func() { cancel(fmt.Errorf("nothing came for %s", stalled)) })
	defer watch.Stop()
	req, err := http.NewRequestWithContext(ctx, method, uri, nil)
	if err != nil {
		return permanent{err}
	}
	req.Header.Set("User-Agent", "bocaditos")
	if offset > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
	}
	resp, err := c.Do(req)
	if err == nil {
		defer resp.Body.Close()
		resp.Body = &watched{resp.Body, watch}
		switch resp.StatusCode {
		case http.StatusOK, http.StatusPartialContent, http.StatusRequestedRangeNotSatisfiable:
			err = read(resp)
		case http.StatusRequestTimeout, http.StatusTooManyRequests:
			return &statusError{req.URL.Redacted(), resp.StatusCode}
		default:
			err = &statusError{req.URL.Redacted(), resp.StatusCode}
			if resp.StatusCode < 500 {
				return permanent{err}
			}
		}
	}
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

type watched struct {
	io.ReadCloser
	timer *time.Timer
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	if n > 0 {
		w.timer.Reset(stalled)
	}
	return n, err
}

// retry calls f until it succeeds, fails for good or failed too often, waiting
// longer each time. failed, if not nil, is told of each failure that is tried again.
func retry(ctx context.Context, wait time.Duration, failed func(error), f func() error) error {
	for n := 1; ; n++ {
		err := f()
		var p permanent
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &p):
			return p.error
		case n == attempts:
			return fmt.Errorf("tried %d times: %w", attempts, err)
		}
		if failed != nil {
			failed(err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
			wait *= 2
		}
	}
}

// get reads a small file.
func (c *client) get(ctx context.Context, uri string, limit int64) ([]byte, error) {
	var data bytes.Buffer
	err := c.do(ctx, http.MethodGet, uri, 0, func(r *http.Response) error {
		n, err := io.Copy(&data, io.LimitReader(r.Body, limit+1))
		if err == nil && n > limit {
			err = fmt.Errorf("%s: larger than %d bytes", uri, limit)
		}
		return err
	})
	return data.Bytes(), err
}

func (c *client) exists(ctx context.Context, uri string, wait time.Duration) (bool, error) {
	err := retry(ctx, wait, nil, func() error {
		return c.do(ctx, http.MethodHead, uri, 0, func(*http.Response) error { return nil })
	})
	if s := (*statusError)(nil); errors.As(err, &s) && s.absent() {
		return false, nil
	}
	return err == nil, err
}
