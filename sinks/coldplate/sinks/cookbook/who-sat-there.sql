-- title: Which serial numbers sat in a node, from when to when?
-- role: operator
-- tells: A swapped GPU keeps its own past: samples are of the place, this is of what sat there.
-- param: node = rack-0000/node-1 id of the node
SELECT slot, serial, uuid, since, until
FROM inventory_history
WHERE startsWith(slot, {node:String})
ORDER BY slot, since
