package stricttoml

// kind is what a TOML value is.
type kind uint8

const (
	tableKind kind = iota + 1
	arrayKind
	stringKind
	integerKind
	floatKind
	booleanKind
	timeKind
)

// String is the kind with its article, for errors.
func (k kind) String() string {
	return [...]string{
		tableKind: "a table", arrayKind: "a list", stringKind: "a string", integerKind: "a whole number",
		floatKind: "a decimal number", booleanKind: "a boolean", timeKind: "a date or time",
	}[k]
}

// node is a value and where it is. go-toml's own syntax tree is a list of
// expressions, gone when the next one is read; this is the tree they make.
type node struct {
	kind  kind
	place place
	text  string // scalars: a string's value, else what is written

	names   []string // tables: keys in order
	members map[string]*node
	items   []*node // arrays

	header bool // a table with a [header] of its own, which may not come again
	open   bool // a table or array that [headers] may add to: not an inline one
}

func newTable(at place) *node {
	return &node{kind: tableKind, place: at, members: map[string]*node{}, open: true}
}

// put adds a member that is known not to be there.
func (n *node) put(name string, child *node) *node {
	n.names = append(n.names, name)
	n.members[name] = child
	return child
}
