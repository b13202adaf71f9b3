package recipe

import (
	"fmt"
	"strings"

	"github.com/bocaditos/bocaditos/internal/stricttoml"
)

// Schema is the JSON Schema (draft 2020-12) of recipes, for editors.
func Schema() []byte {
	data, err := stricttoml.JSONSchema(defaults(), docs())
	if err != nil {
		panic(err) // an example in docs is not TOML; the tests would have said so
	}
	return data
}

const referenceHead = `# image.toml

A recipe describes one image: what is installed, what is changed, how it boots
and what is written. It is a [TOML](https://toml.io/en/v1.0.0) file; ` + "`bocaditos init`" + `
writes one to start from. Three keys are enough:

` + "```toml" + `
id = "hello"
version = "1"

[packages]
install = ["base-files", "systemd", "udev", "dbus-broker", "login", "bash"]
` + "```" + `

Keys that are not described here are errors, and so are lists that have an
element twice. Relative paths start from the directory of the recipe.
image.schema.json describes the same for editors.
`

// Reference is docs/image.toml.md: every key, in Markdown.
func Reference() string {
	var b strings.Builder
	b.WriteString(referenceHead)
	b.WriteString("\n## At the top of the file\n")
	for _, k := range stricttoml.Keys(defaults(), docs()) {
		name := k.Name[strings.LastIndexByte(k.Name, '.')+1:]
		if k.Table {
			heading := "[" + k.Name + "]"
			if strings.HasPrefix(k.Type, "list") {
				heading = "[[" + k.Name + "]]"
			}
			fmt.Fprintf(&b, "\n## `%s`\n\n%s\n", heading, k.Text)
			continue
		}
		fmt.Fprintf(&b, "\n### `%s`\n\n%s.", name, facts(k))
		fmt.Fprintf(&b, "\n\n%s\n\n```toml\n%s = %s\n```\n", k.Text, name, k.Example)
	}
	return b.String()
}

// facts is the line with type, values and default.
func facts(k stricttoml.Key) string {
	parts := []string{strings.ToUpper(k.Type[:1]) + k.Type[1:]}
	if k.Values != nil {
		parts[0] += ": `\"" + strings.Join(k.Values, "\"`, `\"") + "\"`"
	}
	if k.Required {
		parts = append(parts, "required")
	}
	if k.Default != "" {
		parts = append(parts, "default "+k.Default)
	}
	return strings.Join(parts, "; ")
}
