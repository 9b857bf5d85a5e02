/* Words of styles, and the templates of all texts. A colour or a pattern is never named in an item's text. */
#include "words.h"

const char *const mood_words[N_MOODS][N_LANGUAGES][4] = {
    {{"实用", "耐用", "可靠"}, {"practical", "sturdy", "reliable"}},
    {{"精致", "优雅", "简约"}, {"elegant", "refined", "minimalist"}},
    {{"有趣", "俏皮", "搞怪"}, {"playful", "fun", "quirky"}},
    {{"专业", "硬核", "严谨"}, {"professional", "hardcore", "expert"}},
};

const char *const level_words[N_PLATFORMS][N_LEVELS][N_LANGUAGES][4] = {
    [SHOP] = {{{"入门", "平价", "实惠"}, {"budget", "affordable", "entry-level"}},
              {{"中端", "均衡", "标准"}, {"mid-range", "balanced", "standard"}},
              {{"旗舰", "高端", "尊享"}, {"flagship", "premium", "high-end"}}},
    [VIDEO] = {{{"入门", "三分钟", "速看"}, {"quick look", "3-minute", "beginner"}},
               {{"体验", "教程", "讲解"}, {"hands-on", "tutorial", "walkthrough"}},
               {{"深度", "纪录片", "长片"}, {"in-depth", "documentary", "full-length"}}},
    [NEWS] = {{{"快讯", "简讯", "短讯"}, {"news in brief", "flash", "short take"}},
              {{"解读", "观察", "报道"}, {"explained", "overview", "report"}},
              {{"深度", "专题", "长文"}, {"long read", "in-depth", "feature"}}},
};

const char *const colour_words[N_COLOURS][N_LANGUAGES] = {{"红色", "red"},  {"橙色", "orange"}, {"黄色", "yellow"},
                                                          {"绿色", "green"}, {"蓝色", "blue"},   {"紫色", "purple"}};

const char *const judgements[N_LANGUAGES][9] = {
    {"很棒", "很不错", "很强大", "很出色", "让人满意", "超出预期", "非常好", "没话说"},
    {"great", "excellent", "impressive", "very good", "better than expected", "hard to beat", "superb", "just right"}};

const char *const subjects[N_PLATFORMS][N_LANGUAGES][6] = {
    [SHOP] = {{"新款", "热卖", "升级版", "套装", "经典款"}, {"new edition", "bestseller", "plus", "set", "classic"}},
    [VIDEO] = {{"开箱", "评测", "盘点", "技巧", "日常"}, {"unboxing", "review", "roundup", "tips", "diary"}},
    [NEWS] = {{"新品发布", "市场", "行业动态", "选购指南", "趋势"}, {"launch", "market", "industry", "buying guide", "trends"}},
};

const char *const city_words[9][N_LANGUAGES] = {{"北京", "Beijing"},  {"上海", "Shanghai"}, {"杭州", "Hangzhou"},
                                                {"成都", "Chengdu"},  {"广州", "Guangzhou"}, {"西安", "Xi'an"},
                                                {"武汉", "Wuhan"},    {"厦门", "Xiamen"},   {"青岛", "Qingdao"}};

/* {b} brand, {M} model, {m} mood, {l} level, {n} noun, {s} subject; {m} and {l} may be empty. */
const char *const title_templates[N_PLATFORMS][N_LANGUAGES][5] = {
    [SHOP] = {{"{b} {M} {m}{l}{n}", "{b}{l}{m}{n} {M}", "{m}{n} {b}{s}{l}", "{b}{n}{s} {m}{l}"},
              {"{b} {M} {m} {l} {n}", "{l} {m} {n} by {b}", "{b} {n} {M}, {m} {l} {s}", "{m} {n} {b} {M} {l}"}},
    [VIDEO] = {{"{l}{n}{s}：{m}", "{m}{n}{s}｜{l}", "{n}{s}，{m}{l}", "{b}{n}{l}{s} {m}"},
               {"{l} {n} {s}: {m}", "{m} {n} {s} | {l}", "{n} {s}, {m} {l}", "{b} {n} {l} {s} {m}"}},
    [NEWS] = {{"{l}｜{n}{s} {m}", "{b}{n}{s}{l}：{m}", "{m}{n}{s}{l}", "{n}{l}：{b}{s} {m}"},
              {"{l}: {n} {s} {m}", "{b} {n} {s} {l}: {m}", "{m} {n} {s}, {l}", "{n} {l}: {b} {s} {m}"}},
};

/* {a} aspect, {j} judgement, {u} use. */
const char *const aspect_templates[N_PLATFORMS][N_LANGUAGES][5] = {
    [SHOP] = {{"{a}{j}，适合{u}。", "主打{a}，{u}也合适。", "为{u}而做，{a}{j}。", "{n}的{a}重新设计，{u}更轻松。"},
              {"The {a} is {j}, good for {u}.", "All about {a}, and at home with {u}.", "Made for {u}: {a} {j}.",
               "This {n} has new {a}, easier for {u}."}},
    [VIDEO] = {{"本期聊{n}的{a}，讲到{u}。", "带你看{a}到底如何，{u}怎么选。", "{u}的朋友看过来，{n}{a}实测。",
                "从{a}说起，再到{u}。"},
               {"We test the {a} and talk about {u}.", "Is the {a} {j}? With notes on {u}.",
                "For {u}: how the {n} does on {a}.", "From {a} to {u}, in one go."}},
    [NEWS] = {{"记者了解到，{n}的{a}受到关注，{u}成为新需求。", "业内称{a}{j}，{u}带动销量。", "{u}升温，{n}比拼{a}。",
               "调查显示，买{n}先看{a}。"},
              {"Makers of {n} compete on {a} as {u} grows.", "Analysts call the {a} {j}; {u} drives sales.",
               "Demand for {u} is up, and {a} decides.", "Buyers of {n} ask about {a} first, a survey says."}},
};
const char *const mood_templates[N_LANGUAGES][5] = {
    {"风格{m}。", "走{m}路线。", "喜欢{m}的朋友别错过。", "整体{m}。"},
    {"The style is {m}.", "In a word: {m}.", "For those who like it {m}.", "On the {m} side."}};
const char *const level_templates[N_LANGUAGES][4] = {{"定位{l}。", "属于{l}。", "{l}之选。"},
                                                     {"Level: {l}.", "Filed under {l}.", "Made as {l}."}};

const char *const review_templates[N_PLATFORMS][N_LANGUAGES][6] = {
    [SHOP] = {{"这款{n}的{a}{j}！", "{a}{j}，这{n}买对了。", "用了两周，{n}{a}{j}。", "朋友推荐的{n}，{a}果然{j}。",
               "第二次买{n}了，{a}还是{j}。"},
              {"The {a} of this {n}: {j}!", "Glad I bought this {n}, {a} {j}.", "Two weeks with the {n}, {a} {j}.",
               "A friend told me about this {n}; {a} {j} indeed.", "My second {n}, and the {a} is still {j}."}},
    [VIDEO] = {{"看完就想要{n}，{a}{j}。", "这期{n}讲得清楚，{a}{j}。", "{n}的{a}原来是这样，讲得{j}。",
                "一直想看{n}，{a}那段{j}。"},
               {"Now I want the {n}, its {a} looks {j}.", "Clear video on the {n}, the part on {a} is {j}.",
                "So that is how {a} works, and in the {n} it is {j}.", "Waited for one about the {n}; {a}: {j}."}},
    [NEWS] = {{"正打算换{n}，{a}的分析{j}。", "{n}我也关注，{a}确实{j}。", "终于有人写{n}的{a}了，{j}。"},
              {"Time to choose {n}; the part on {a} is {j}.", "I follow the {n} too, the {a} is {j}.",
               "Finally somebody writes about {n} {a}, {j}."}},
};
const char *const mood_remarks[N_LANGUAGES][4] = {{"够{m}。", "很{m}，我喜欢。", "就要{m}的。"},
                                                  {"Nicely {m}.", "So {m}, I like it.", "It had to be {m}."}};
const char *const colour_remarks[N_LANGUAGES][4] = {{"{c}好看。", "这个{c}我喜欢。", "{c}正合我意。"},
                                                    {"Lovely {c}.", "I like this {c}.", "The {c} suits me."}};

/* {g} age, {t} town. */
const char *const fact_templates[N_LANGUAGES][3] = {{"{g}岁，{t}。", "{t}，{g}岁。"}, {"{g}, {t}.", "{t}, {g}."}};
/* {A}, {B}: nouns of the topics loved; {C}: the third interest, where there is one. */
const char *const interest_templates[N_LANGUAGES][6] = {
    {"特别喜欢{A}和{B}{C}。", "爱看{A}，也关注{B}{C}。", "{A}、{B}爱好者{C}。", "对{A}和{B}感兴趣{C}。", "离不开{A}与{B}{C}。"},
    {"Keen on {A} and {B}{C}.", "I follow {A}, and {B} too{C}.", "Fan of {A} and {B}{C}.", "Mostly {A}, then {B}{C}.",
     "Cannot do without {A} and {B}{C}."}};
const char *const third_interest[N_LANGUAGES] = {"还有{D}", "also {D}"};
const char *const colour_likes[N_LANGUAGES][4] = {{"偏爱{c}。", "最喜欢{c}。", "东西都要{c}的。"},
                                                  {"Favourite colour: {c}.", "Prefers {c}.", "Everything in {c}."}};
const char *const mood_likes[N_LANGUAGES][4] = {{"喜欢{m}的东西。", "要{m}一点。", "偏{m}。"},
                                                {"Likes things {m}.", "The more {m} the better.", "Rather {m}."}};
const char *const level_likes[N_LANGUAGES][3] = {{"常选{l}。", "多看{l}。"}, {"Usually {l}.", "Goes for {l}."}};
