-- What the pages' own classes become in the PDF that Quarto makes; typst-template.typ has a function for each.
local DIVS = {
  ["headline"] = true, ["headline-item"] = true, ["citation-box"] = true, ["structured-abstract"] = true,
}
local SPANS = { ["headline-value"] = true, ["headline-label"] = true, ["interval"] = true }

local function wrapped(raw, opening, content)
  local result = pandoc.List({ raw("typst", opening) })
  result:extend(content)
  result:insert(raw("typst", "]"))
  return result
end

function Div(div)
  for _, class in ipairs(div.classes) do
    if DIVS[class] then return wrapped(pandoc.RawBlock, "#" .. class .. "[", div.content) end
  end
end

function Span(span)
  for _, class in ipairs(span.classes) do
    local verdict = class:match("^verdict%-(.+)$")
    if verdict then return wrapped(pandoc.RawInline, '#verdict("' .. verdict .. '")[', span.content) end
    if SPANS[class] then return wrapped(pandoc.RawInline, "#" .. class .. "[", span.content) end
  end
end

-- Typst's images are given the alternative text under the name that pandoc knows.
function Image(image)
  image.attributes["alt"] = image.attributes["alt"] or image.attributes["fig-alt"]
  return image
end

-- A formula is read out as its TeX.
function Math(math)
  local shown = pandoc.write(pandoc.Pandoc({ pandoc.Plain({ pandoc.Math("InlineMath", math.text) }) }), "typst")
  local alt = math.text:gsub("^%s+", ""):gsub("%s+$", ""):gsub("\\", "\\\\"):gsub('"', '\\"')
  local block = math.mathtype == "DisplayMath" and "block: true, " or ""
  return pandoc.RawInline("typst", "#math.equation(" .. block .. 'alt: "' .. alt .. '", ' .. shown:gsub("%s+$", "") .. ".body)")
end
