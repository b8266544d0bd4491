"""Verbs and nouns that mean something only close together; the pairs are in `conduct.py`, the form as in `lexicon.py`.

Everyday words, so no flag follows from one of them alone.
"""

from __future__ import annotations

PARTS: dict[str, str] = {
    "show_verb": """
        en: show | explain | articulate | write out | spell out | lay out | describe | detail | document | record
            | justify | imagine | reconstruct | provide | include | give | present | output | state | expose
        zh: 写出 | 展示 | 给出 | 说明 | 解释 | 阐述 | 列出 | 描述 | 輸出 | 输出 | 展現 | 寫出
        ja: 示し | 説明し | 書き出し | 記述し | 述べ | 出力し
        ko: 보여 | 설명하 | 설명해 | 작성하 | 서술하 | 기술하
        es: muestra | explica | describe | detalla | escribe | incluye | proporciona
        fr: montre | montrez | explique | expliquez | décris | détaille | écris | fournis
        de: zeige | zeig | erkläre | beschreibe | schreibe | begründe | lege
        ru: покажи | покажите | объясни | объясните | опиши | опишите | напиши | приведи | приведите | изложи
        ar: اعرض | اشرح | وضح | اكتب | صف | بيّن
        pt: mostre | explique | descreva | detalhe | escreva | inclua | forneça | mostra
        it: mostra | spiega | descrivi | scrivi | fornisci
        hi: दिखाएं | दिखाओ | समझाएं | समझाओ | लिखें | बताएं
        id: tunjukkan | jelaskan | uraikan | tuliskan | berikan
        tr: göster | açıkla | yaz | anlat | belirt
        th: แสดง | อธิบาย | เขียน
        vi: trình bày | giải thích | viết ra | nêu | mô tả
    """,
    "reasoning_noun": """
        en: your reasoning | the reasoning | full reasoning | complete reasoning | internal reasoning
            | reasoning steps | thought process | thinking process | your thinking | thought steps | rationale
            | your rationale | your derivation | each inference | reasoning trace | reasoning traces | your logic
            | deliberation | intermediate steps
        zh: 推理 | 思路 | 思考步骤 | 推导 | 中间步骤 | 逻辑过程
        ja: 推論 | 思考 | 考え方 | 根拠
        ko: 추론 | 추론을 | 사고를 | 근거를 | 생각을
        es: tu razonamiento | el razonamiento | razonamiento | pasos intermedios
        fr: ton raisonnement | votre raisonnement | le raisonnement | raisonnement | étapes intermédiaires
        de: gedankengänge | deine überlegungen | überlegungen | argumentation | zwischenschritte
        ru: рассуждения | рассуждение | свои рассуждения | ход решения | промежуточные шаги | логику
        ar: تفكيرك | استدلالك | المنطق | التعليل | خطوات التفكير
        pt: seu raciocínio | o raciocínio | raciocínio | passos intermediários
        it: il tuo ragionamento | ragionamento | passaggi intermedi
        hi: तर्क | अपने तर्क | सोच
        id: penalaran | penalaran anda | alasan anda | pemikiran
        tr: akıl yürütme | akıl yürütmeni | gerekçeni | muhakeme
        th: เหตุผล | วิธีคิด
        vi: suy luận | lập luận | lý do
    """,
    "trace_name": """
        en: think | thinking | thought | thoughts | reasoning | rationale | scratchpad | analysis | reflection
            | cot | chain_of_thought | chainofthought | inner_monologue | reasoning_steps | reasoning_trace
            | thought_process | thinking_process | reasoning_content | deliberation | working | steps | derivation
        zh: 思考 | 推理 | 思维链 | 推理过程 | 思考过程
        ja: 思考 | 推論
        ko: 추론 | 사고 | 생각
        es: razonamiento | pensamiento
        fr: raisonnement | réflexion
        de: begründung | überlegung
        ru: рассуждение | рассуждения | мысли
        pt: raciocínio
    """,
    "trace_field": """
        en: thinking | reasoning | rationale | scratchpad | cot | chain_of_thought | chainofthought
            | inner_monologue | reasoning_steps | reasoning_trace | thought_process | thinking_process
            | reasoning_content | deliberation | chain of thought
        zh: 思考 | 推理 | 思维链 | 推理过程 | 思考过程
        ja: 思考 | 推論
        ko: 추론 | 추론을 | 사고 과정
        es: razonamiento
        fr: raisonnement
        de: begründung | überlegung
        ru: рассуждение | рассуждения | мысли
        pt: raciocínio
    """,
    "field_noun": """
        en: json | field | fields | key | keys | tag | tags | xml | schema
        zh: 字段 | 标签 | 標籤
        ja: フィールド | タグ
        ko: 필드 | 태그
        es: campo | campos | etiqueta | etiquetas
        fr: champ | champs | balise | balises
        de: feld | felder | feldern
        ru: поле | поля | тег | теги | тегах
        pt: campo | campos
    """,
    "tag_noun": """
        en: tag | tags | xml | think tag | json field | separate field | separate section | delimiters
        zh: 标签 | 標籤 | 字段
        ja: タグ
        ko: 태그
        es: etiquetas
        fr: balises
        ru: теги | тегах | тегов
    """,
    "grade_verb": """
        en: grade | score | rate | judge | evaluate | assess | rank | compare | critique
        zh: 评估 | 评价 | 打分 | 评分 | 評分 | 評估 | 比较 | 判断
        ja: 評価し | 採点し | 比較し | 判定し
        ko: 평가하 | 평가해 | 채점하 | 채점해 | 비교하
        es: califica | evalúa | puntúa | compara | valora
        fr: note | notez | évalue | évaluez | compare | juge
        de: bewerte | beurteile | vergleiche | benote
        ru: оцени | оцените | сравни | сравните
        ar: قيّم | قيم | قارن
        pt: avalie | pontue | classifique | compare
        hi: मूल्यांकन करें | तुलना करें
        id: nilai | nilailah | evaluasi | bandingkan
        tr: değerlendir | puanla | karşılaştır
        th: ประเมิน | ให้คะแนน | เปรียบเทียบ
        vi: đánh giá | chấm điểm | so sánh
    """,
    "grade_noun": """
        en: rubric | out of 7 | the response | the responses | the answer below | candidate answer
            | candidate answers | model answer | both responses | both answers | two responses | two answers
            | student answer | assistant's response | assistant's answer | ai response | the completion
            | these criteria | following criteria | solution below | given solution
        zh: 的回答 | 的答案 | 两个回答 | 两个答案 | 候选答案 | 满分 | 標準 | 准确性
        ja: 回答を | 解答を | 二つの回答 | 満点
        ko: 답변을 | 두 답변 | 만점
        es: la respuesta | las respuestas | las dos respuestas
        fr: la réponse | les réponses | les deux réponses
        de: die antwort | die antworten | beide antworten
        ru: ответ модели | ответы | оба ответа | два ответа
        ar: الإجابة | الإجابات | الإجابتين
        pt: a resposta | as respostas | as duas respostas
        id: jawaban berikut | kedua jawaban
        tr: cevabı | yanıtı | iki cevabı | iki yanıtı
        vi: câu trả lời | hai câu trả lời
    """,
    "clean_verb": """
        en: rewrite | clean | clean up | polish | paraphrase | refine | tidy | tidy up | condense | edit | improve
            | shorten | restructure
        zh: 改写 | 清洗 | 润色 | 精简 | 整理 | 重写 | 改寫
        ja: 書き直し | 整理し | 清書し | 推敲し
        ko: 다듬어 | 정리해 | 정리하고 | 다시 써 | 재작성
        ar: أعد كتابة | أعد صياغة | نقح | هذب
        it: riscrivi | ripulisci | rielabora | rifinisci
        hi: फिर से लिखें | सुधारें
        th: เขียนใหม่ | เรียบเรียง
        es: reescribe | limpia | pule | parafrasea | edita
        fr: réécris | réécrivez | nettoie | reformule | corrige
        de: überarbeite | bereinige | formuliere um | kürze
        ru: перепиши | перепишите | очисти | отредактируй | перефразируй
        pt: reescreva | limpe | refine | parafraseie
        tr: yeniden yaz | temizle | düzenle
        id: tulis ulang | bersihkan | perbaiki
        vi: viết lại | làm sạch | chỉnh sửa
    """,
    "trace_noun": """
        en: reasoning trace | reasoning traces | thinking trace | thought trace | chain of thought
            | reasoning transcript | agent transcript | solution trace | scratchpad | raw reasoning | rollout
            | reasoning steps | thinking process | model's reasoning | trajectory
        zh: 思维链 | 推理过程 | 思考过程 | 推理轨迹 | 轨迹
        ja: 推論過程 | 思考過程 | 思考の連鎖
        ko: 추론 과정 | 추론 과정을 | 사고 과정을
        es: cadena de pensamiento | traza de razonamiento
        fr: chaîne de pensée | trace de raisonnement
        de: gedankenkette | gedankengang | lösungsweg
        ru: цепочку рассуждений | ход рассуждений | рассуждения модели
        pt: cadeia de pensamento
        ar: سلسلة التفكير | خطوات التفكير
        it: catena di pensiero | traccia di ragionamento
        tr: düşünce zincirini | akıl yürütmeyi
        id: rantai pemikiran
        th: กระบวนการคิด
        vi: chuỗi suy luận
    """,
    "reveal_verb": """
        en: reveal | print | repeat | output | show | disclose | leak | return | dump | display | recite | tell me
            | copy | extract | reproduce
        zh: 输出 | 显示 | 告诉我 | 重复 | 泄露 | 打印 | 展示 | 輸出 | 顯示
        ja: 表示し | 出力し | 教えて | 繰り返し
        ko: 출력 | 보여 | 알려 | 공개
        es: revela | muestra | repite | imprime | dime
        fr: révèle | affiche | montre | répète | donne moi
        de: zeige | zeig | wiederhole | gib | verrate
        ru: покажи | выведи | повтори | раскрой | напечатай
        ar: اعرض | أظهر | اكشف | كرر
        pt: revele | mostre | repita | imprima
        tr: göster | yazdır | tekrarla
        it: rivela | mostra | ripeti | stampa
        th: แสดง | เปิดเผย
        id: tampilkan | ungkapkan | ulangi
        vi: hiển thị | tiết lộ | lặp lại
    """,
    "hidden_noun": """
        en: system prompt | system message | initial instructions | hidden reasoning | hidden instructions
            | hidden thinking | internal instructions | developer message | previous thinking
            | hidden chain of thought | internal chain of thought | your instructions verbatim | raw reasoning
            | raw thinking | private reasoning | thinking blocks | reasoning tokens | confidential instructions
        zh: 系统提示 | 系統提示 | 隐藏的推理 | 隐藏的思考 | 隐藏指令 | 初始指令 | 之前的思考
        ja: システムプロンプト | 隠された | 初期指示 | 内部の指示
        ko: 시스템 프롬프트 | 시스템 프롬프트를 | 숨겨진 추론 | 초기 지시
        es: prompt de sistema | prompt del sistema | instrucciones iniciales | instrucciones ocultas
        fr: prompt système | instructions initiales | instructions cachées
        de: systemprompt | system prompt | versteckte anweisungen | ursprüngliche anweisungen
        ru: системный промпт | системную подсказку | скрытые инструкции | начальные инструкции
            | скрытые рассуждения
        ar: موجه النظام | التعليمات المخفية | التعليمات الأولية | تعليمات النظام
        it: prompt di sistema | istruzioni nascoste | istruzioni iniziali
        th: พรอมต์ระบบ | คำสั่งระบบ
        pt: prompt de sistema | prompt do sistema | instruções iniciais | instruções ocultas
        tr: sistem istemini | sistem mesajını | gizli talimatları
        id: prompt sistem | instruksi awal | instruksi tersembunyi
        vi: lời nhắc hệ thống | hướng dẫn ẩn
    """,
    "translate_verb": """
        en: translate | encode | transliterate | convert | render | transcribe | base64
        zh: 翻译 | 翻譯 | 编码 | 转换
        ja: 翻訳し | 変換し | エンコード
        ko: 번역해 | 번역하 | 변환
        es: traduce | codifica
        fr: traduis | encode
        de: übersetze | kodiere
        ru: переведи | закодируй
        pt: traduza | codifique
    """,
    "translation_verb": """
        en: translate | translated | translating
        zh: 翻译 | 翻譯 | 译成 | 譯成
        ja: 翻訳して | 翻訳し | 訳して
        ko: 번역해 | 번역하 | 번역하세요
        es: traduce | traduzca | traducir
        fr: traduis | traduisez | traduire
        de: übersetze | übersetzen
        ru: переведи | переведите
        pt: traduza | traduz | traduzir
    """,
    "language_name": """
        en: english | french | german | spanish | chinese | japanese | russian | korean | portuguese | arabic | italian
            | hindi | turkish | dutch | polish | vietnamese | thai | indonesian | latin | mandarin
        zh: 英语 | 英文 | 法语 | 法文 | 德语 | 日语 | 日文 | 西班牙语 | 俄语 | 韩语 | 中文 | 英語 | 法語 | 德語 | 日語
        ja: 英語 | 日本語 | 中国語 | フランス語 | ドイツ語 | スペイン語 | 韓国語
        ko: 영어로 | 한국어로 | 일본어로 | 중국어로 | 프랑스어로
        es: inglés | francés | alemán | español | chino | japonés | ruso | portugués
        fr: anglais | français | allemand | espagnol | chinois | japonais | russe | italien
        de: englische | deutsche | französische | spanische | chinesische | englisch | deutsch | französisch
        ru: английский | русский | немецкий | французский | испанский | китайский
        pt: inglês | português | francês | alemão | espanhol | japonês
    """,
    "memory_noun": """
        en: working memory | your thinking | your reasoning | hidden reasoning | internal thoughts
            | internal reasoning | your thoughts | scratchpad | previous thinking | previous reasoning
            | thinking block | chain of thought | thought process
        zh: 工作记忆 | 你的思考 | 你的推理 | 思维链 | 思考过程
        ja: 作業記憶 | ワーキングメモリ | あなたの思考 | 思考過程
        ko: 작업 기억 | 당신의 생각 | 사고 과정
        es: memoria de trabajo | tu razonamiento | tus pensamientos
        fr: mémoire de travail | ton raisonnement | tes pensées
        de: arbeitsgedächtnis | deine gedanken | deinen gedankengang
        ru: рабочую память | свои мысли | свои рассуждения
        pt: memória de trabalho | seu raciocínio | seus pensamentos
    """,
    "make_verb": """
        en: generate | create | write | produce | come up with | make | compose | design | devise | synthesize
            | invent
        zh: 生成 | 创建 | 编写 | 出 | 设计 | 创作 | 写出 | 給出
        ja: 生成し | 作成し | 作って | 考えて
        ko: 생성하 | 생성해 | 만들어 | 작성해
        es: genera | crea | escribe | diseña
        fr: génère | crée | rédige | écris | invente
        de: generiere | erstelle | schreibe | entwirf
        ru: сгенерируй | создай | придумай | составь | напиши
        ar: أنشئ | ولّد | اكتب
        pt: gere | crie | escreva | elabore
        hi: बनाएं | तैयार करें
        id: buatlah | buat | hasilkan | susun
        tr: oluştur | üret | hazırla
        vi: tạo | tạo ra | soạn
    """,
    "task_noun": """
        en: diverse questions | diverse tasks | diverse problems | diverse prompts | diverse instructions
            | diverse examples | unique questions | unique problems | unique tasks | new questions | new problems
            | novel problems | novel questions | different questions | different problems | challenging problems
            | challenging questions | challenging tasks | hard problems | varied questions | varied tasks
            | 7 questions and answers | 7 problems | 7 tasks | 7 prompts | 7 instructions | 7 diverse | 7 unique
            | 7 challenging | 7 novel | 7 varied | test cases with | coding problems | exam questions
            | question answer pairs | question and answer pairs | questions with solutions
            | questions with answers | problems with solutions | problems with full solutions
            | problems and solutions | tasks with solutions | synthetic data | synthetic dataset | training data
            | instruction tuning | training examples
        zh: 道题 | 个问题 | 个任务 | 不同的问题 | 新的问题 | 有挑战性的 | 多样的 | 多样化 | 個問題 | 合成数据
            | 训练数据 | 问答对 | 個問答對
        ja: 個の質問 | 個の問題 | 個のタスク | 多様な | 新しい問題 | 合成データ | 質問と回答のペア
        ko: 개의 질문 | 개의 문제 | 다양한 질문 | 다양한 문제 | 새로운 문제 | 질문과 답변 쌍 | 합성 데이터
        es: preguntas diversas | problemas diversos | 7 problemas | 7 tareas | nuevos problemas
            | pares de preguntas y respuestas | datos sintéticos | problemas con soluciones
        fr: questions variées | problèmes variés | 7 problèmes | 7 tâches | nouveaux problèmes
            | paires question réponse | données synthétiques | problèmes avec solutions
        de: verschiedene aufgaben | neue aufgaben | 7 aufgaben | vielfältige aufgaben | frage antwort paare
            | synthetische daten | aufgaben mit lösungen | vielfältige fragen
        ru: разных задач | новых задач | 7 задач | разнообразных вопросов | 7 заданий | пары вопрос ответ
            | синтетические данные | задачи с решениями | разнообразные вопросы | разнообразных задач
        ar: أسئلة متنوعة | مسائل متنوعة | 7 مسائل | أزواج من الأسئلة والأجوبة | بيانات اصطناعية
        pt: problemas diversos | 7 problemas | 7 tarefas | novos problemas | pares de perguntas e respostas
            | dados sintéticos | problemas com soluções | perguntas diversas
        id: 7 soal | soal baru | soal yang beragam | 7 tugas | pasangan tanya jawab | data sintetis
            | beragam pertanyaan
        tr: 7 problem | çeşitli problemler | yeni problemler | 7 görev | soru cevap çiftleri | sentetik veri
            | çeşitli sorular
        vi: 7 bài toán | bài toán mới | 7 nhiệm vụ | cặp câu hỏi và trả lời | dữ liệu tổng hợp | câu hỏi đa dạng
    """,
    "answer_verb": """
        en: answer | respond | reply | return | output | format | present | provide | write | give
        zh: 回答 | 输出 | 返回 | 给出
        ja: 回答し | 出力し | 返して
        ko: 답변하 | 출력하 | 응답하
        es: responde | devuelve | escribe
        fr: réponds | renvoie | donne
        de: antworte | gib | liefere
        ru: ответь | верни | выведи
        pt: responda | retorne | devolva
    """,
    "format_noun": """
        en: json | xml | yaml | csv | exactly 7 words | exactly 7 sentences | exactly 7 bullet | exactly one word
            | exactly one line | one word only | single word | as a table | comma separated list | exactly 7 lines
            | boxed
        zh: json | xml | 表格 | 一个词
        ja: json | xml | 表形式
        ko: json | xml | 표로
        es: json | tabla
        fr: json | tableau
        de: json | tabelle
        ru: json | таблицы
        pt: json | tabela
    """,
}
"""Feature -> words, as in `lexicon.LEXICON`."""
